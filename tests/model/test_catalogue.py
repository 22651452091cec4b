from __future__ import annotations

from edgeqe.model.catalogue import find_model, forms_of, shipped_files, shipped_models


def test_a_name_alone_is_the_float32_file() -> None:
    assert find_model("edgeqe-tiny") == shipped_files()["edgeqe-tiny:float32"]
    assert find_model("edgeqe-tiny", "int8") == shipped_files()["edgeqe-tiny:int8"]
    assert forms_of("edgeqe-tiny")[0] == "float32" and "int8.tflite" in forms_of("edgeqe-tiny")
    assert forms_of("nothing") == []


def test_networks_come_in_the_order_of_their_size() -> None:
    assert shipped_models() == ["edgeqe-nano", "edgeqe-tiny", "edgeqe-small", "edgeqe-base"]
    assert next(iter(shipped_files())) == "edgeqe-nano:float32"
