"""Builds the C extension; where there is no compiler the package is simply absent."""

from pathlib import Path

from setuptools import Extension, setup


def extension(name: str, folder: str, **options: bool) -> Extension:
    """The C files of one folder as a module."""
    return Extension(
        f"curation_kernels.{name}",
        sorted(str(path) for path in Path(folder).glob("*.c")),
        depends=sorted(str(path) for pattern in ("*.h", "*.inc") for path in Path(folder).glob(pattern)),
        # a product is fused where we say so, and no name of ours meets one of another library
        extra_compile_args=["-O3", "-std=gnu11", "-ffp-contract=off", "-fvisibility=hidden"],
        py_limited_api=True,
        **options,
    )


setup(
    ext_modules=[extension("_native", "src"), extension("_layout", "src/layout", optional=True)],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
