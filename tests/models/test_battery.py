import numpy as np
import pytest
from battery import KINDS, check_model, losses_on_devices


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_does_what_all_do(kind, tmp_path):
    check_model(*KINDS[kind], tmp_path)


def test_two_devices_do_what_one_does_with_the_whole_batch():
    one, two = map(losses_on_devices, (1, 2))
    assert one.keys() == two.keys() == KINDS.keys()
    for kind, logged in one.items():
        assert logged.keys() == two[kind].keys() and "loss" in logged
        for name, values in logged.items():
            np.testing.assert_allclose(two[kind][name], values, rtol=2e-3, err_msg=f"{name} of {kind}")
