import pytest

from curation_core import Workspace
from curation_core.errors import ConfigError


def test_a_text_finds_the_texts_of_its_meaning(tmp_path):
    source = tmp_path / "t.jsonl"
    texts = ["a cat sleeps on the sofa", "a kitten plays with wool", "stocks fell on the market", "bonds rose in price"]
    source.write_text("".join(f'{{"text": "{text}"}}\n' for text in texts))
    ws = Workspace.create(tmp_path / "ws", source=source)
    ws.embed(embedder="wordllama")
    rows, similarity = ws.search("cats and other pets", 2)
    assert set(rows.tolist()) == {0, 1}
    assert similarity[0] >= similarity[1] > 0


def test_pictures_without_a_text_side_say_what_is_needed(tmp_path, shapes_folder):
    ws = Workspace.create(tmp_path / "ws", source=shapes_folder)
    ws.embed(embedder="color-hog")
    with pytest.raises(ConfigError, match=r"knows no texts.*CLIP or SigLIP"):
        ws.search("a red circle")


def test_where_a_model_ran_does_not_make_its_vectors_stale(tmp_path, shapes_folder):
    ws = Workspace.create(tmp_path / "ws", source=shapes_folder)
    ws.embed(embedder="color-hog")
    ws.configure(embed={"device": "cpu"})
    assert next(step for step in ws.status() if step.step == "embed").state == "done"
    ws.configure(embed={"storage": "float16"})
    assert next(step for step in ws.status() if step.step == "embed").state == "stale"
    half = ws.embed()
    assert half.vectors.dtype == "float16"
    ws.cluster(n_clusters=(6,))
    assert ws.plans.meta("embed")["items_per_s"] > 0
