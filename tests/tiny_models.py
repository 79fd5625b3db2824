"""Tiny random models, saved to disk by transformers itself, as a person would have them in a folder."""

import contextlib

from transformers.utils import logging


@contextlib.contextmanager
def seeded():
    import torch

    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()
        torch.random.set_rng_state(state)


VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
TEXT = {**VISION, "vocab_size": 32, "max_position_embeddings": 16}
WORDS = ("[PAD]", "[UNK]", "<s>", "</s>", "a", "photo", "of", "cat", "dog", "red", "blue", "the", "sea")


def write_tokenizer(folder):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)])
    PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)


def write_dinov2(folder):
    from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

    with seeded():
        Dinov2Model(Dinov2Config(**VISION, image_size=56, patch_size=14)).save_pretrained(folder)
    BitImageProcessorPil(
        size={"shortest_edge": 64},
        crop_size={"height": 56, "width": 56},
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)


def write_dinov3(folder):
    import json

    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    with seeded():
        DINOv3ViTModel(DINOv3ViTConfig(**VISION, image_size=64, patch_size=16)).save_pretrained(folder)
    settings = {  # its own processor wants torchvision, so what it writes is written by hand
        "image_processor_type": "DINOv3ViTImageProcessorFast",
        "size": {"height": 64, "width": 64},
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "rescale_factor": 1 / 255,
        "resample": 2,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def write_vit(folder):
    from transformers import ViTConfig, ViTImageProcessorPil, ViTModel

    with seeded():
        ViTModel(ViTConfig(**VISION, image_size=32, patch_size=16)).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


def write_convolutional(folder, kind):
    import transformers

    sizes = {
        "ConvNext": {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
        "ResNet": {"hidden_sizes": [8, 16], "depths": [1, 1], "embedding_size": 8, "layer_type": "basic"},
        "DINOv3ConvNext": {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
        "Swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "image_size": 64, "window_size": 4},
    }
    with seeded():
        config = getattr(transformers, f"{kind}Config")(**sizes[kind])
        getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    transformers.ViTImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)


def write_clip(folder):
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    config = CLIPConfig(
        text_config={**TEXT, "eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0},
        vision_config={**VISION, "image_size": 32, "patch_size": 16},
        projection_dim=24,
    )
    with seeded():
        CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    write_tokenizer(folder)


def write_siglip(folder):
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    text = {**TEXT, "projection_size": 32, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    config = SiglipConfig(text_config=text, vision_config={**VISION, "image_size": 32, "patch_size": 16})
    with seeded():
        SiglipModel(config).save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    write_tokenizer(folder)


def write_siglip2(folder):
    from transformers import Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model

    text = {**TEXT, "projection_size": 32, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    config = Siglip2Config(text_config=text, vision_config={**VISION, "num_patches": 16, "patch_size": 16})
    with seeded():
        Siglip2Model(config).save_pretrained(folder)
    Siglip2ImageProcessorPil(patch_size=16, max_num_patches=16).save_pretrained(folder)
    write_tokenizer(folder)


def write_bert(folder):
    from transformers import BertConfig, BertModel

    with seeded():
        BertModel(BertConfig(**TEXT)).save_pretrained(folder)
    write_tokenizer(folder)


WRITERS = {
    "dinov2": write_dinov2,
    "dinov3": write_dinov3,
    "vit": write_vit,
    "clip": write_clip,
    "siglip": write_siglip,
    "siglip2": write_siglip2,
    "bert": write_bert,
}
