"""Builds the C extension; where there is no compiler the package is simply absent."""

from pathlib import Path

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "curation_kernels._native",
            sorted(str(path) for path in Path("src").glob("*.c")),
            depends=sorted(str(path) for pattern in ("*.h", "*.inc") for path in Path("src").glob(pattern)),
            extra_compile_args=["-O3", "-std=gnu11", "-ffp-contract=off"],  # a product is fused where we say so
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
