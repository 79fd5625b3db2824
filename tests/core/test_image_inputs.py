"""Own preprocessing agrees with the library's; sizes that cannot be meant are refused."""

import numpy as np
import pytest
from PIL import Image

from curation_core.errors import ConfigError
from curation_core.image_inputs import image_inputs

SIZES = ((96, 64), (40, 80), (56, 56), (33, 200), (7, 5), (301, 77))


def noise(size):
    pixels = np.random.default_rng([7, *size]).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("BitImageProcessorPil", {"size": {"shortest_edge": 64}, "crop_size": {"height": 56, "width": 56}}),
        ("BitImageProcessorPil", {"size": {"shortest_edge": 30}, "crop_size": {"height": 56, "width": 44}}),
        ("CLIPImageProcessorPil", {}),
        ("SiglipImageProcessorPil", {"size": {"height": 48, "width": 64}}),
        ("ViTImageProcessorPil", {"do_rescale": True, "image_mean": [0.4, 0.5, 0.6]}),
        ("ViTImageProcessorPil", {"do_normalize": False, "resample": 3}),
    ],
)
def test_arrays_agree_with_those_of_the_library(kind, options, tmp_path):
    transformers = pytest.importorskip("transformers")
    theirs = getattr(transformers, kind)(**options)
    ours = image_inputs(theirs.to_dict(), "any")
    for size in SIZES:
        expected = theirs(images=[noise(size)], return_tensors="np")["pixel_values"]
        found = ours([noise(size)])
        assert found.shape == expected.shape
        assert found.dtype == np.float32
        assert np.abs(found - expected).max() < 2e-6


def test_old_files_with_bare_numbers_are_read_as_they_were_meant():
    clip = image_inputs({"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224}, "clip")
    assert (clip.side, clip.crop, clip.resample) == (224, (224, 224), 3)
    assert clip.mean == (0.48145466, 0.4578275, 0.40821073)
    vit = image_inputs({"image_processor_type": "ViTFeatureExtractor", "size": 224}, "vit")
    assert (vit.side, vit.crop, vit.resample) == ((224, 224), None, 2)
    assert vit.mean == vit.std == (0.5, 0.5, 0.5)


def test_dinov3_is_scaled_squeezed_and_set_to_imagenet_by_its_file():
    found = image_inputs({"size": {"height": 64, "width": 32}, "resample": 2}, "dinov3_vit")
    assert found.side == (64, 32)
    (array,) = found([Image.new("RGB", (10, 10), (255, 0, 0))])
    assert array.shape == (3, 64, 32)
    assert array[:, 0, 0] == pytest.approx([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], rel=1e-6)


def test_pictures_that_are_not_rgb_and_batches_of_many_sizes_come_out_alike():
    ours = image_inputs({"size": {"height": 8, "width": 8}}, "vit")
    assert ours([Image.new("L", (3, 90), 77), Image.new("RGB", (90, 3), (77, 77, 77))]).shape == (2, 3, 8, 8)
    grey, colour = ours([Image.new("L", (3, 90), 77), Image.new("RGB", (90, 3), (77, 77, 77))])
    assert np.array_equal(grey, colour)


@pytest.mark.parametrize("size", [None, "big", {"shortest_edge": 0}, {"height": 9}, 1_000_000, True])
def test_a_size_that_cannot_be_meant_is_refused(size):
    with pytest.raises(ConfigError, match="expected a number of pixels"):
        image_inputs({"size": size}, "vit")
