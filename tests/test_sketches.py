"""The sketches, written before there was a language, work as they stand and give figures that were computed without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphdsl.solve import solve

SKETCHES = Path(__file__).parent / "sketches"

FIGURES = {
    "03_xor_online": """
        o.after0.sample1 = 0.563427, o.after1.sample2 = 0.551923, o.after2.sample3 = 0.569531, o.after3.sample4 = 0.579000
        o.after4.sample1 = 0.552293, o.after5.sample2 = 0.540851, o.after6.sample3 = 0.558795, o.after7.sample4 = 0.567773
        v1.after = 0.981272, v2.after = 0.983541, d.after = -0.558240, training.steps = 8""",
    "04_softmax_logits": """
        p = [0.6590011389, 0.2424329707, 0.0985658904], L = 0.4170300163
        dL/dz = [-0.3409988611, 0.2424329707, 0.0985658904]""",
    "05_rnn_bptt": """
        y[1] = 0.7608048174, y[2] = 0.4168462857, L = 0.2040437036, L.after = 0.1768146902
        dL/dU = [-0.2524749146, 0.1078348128; 0.1341050795, -0.0572777544], dL/dW = [-0.0425622497, -0.0573465591]""",
    "06_conv_pool_dense": """
        C = [0.5, 3.5; -1.5, 2.5], P = [3.5], p = [0.9258759348, 0.0741240652], L = 0.0770150330, L.after = 0.0589370801
        dL/dK = [-0.1111860978, 0, -0.0555930489; -0.0555930489, -0.1667791467, -0.0555930489; -0.0555930489, 0, 0]""",
    "07_attention": """
        A = [0.1977758146, 0.4011120927, 0.4011120927; 0.2482550783, 0.2482550783, 0.5034898435; 0.1400292450, 0.2839954097, 0.5759753452]
        Z = [0.5988879073, 2; 0.7517449217, 2.2552347652; 0.7160045903, 2.2919799355]""",
    "10_adam": "θ.after1 = 4.9000000001, θ.after2 = 4.8000577569",
}

SLIPS = {"02_mazur_layers": ["E_total.after"]}  # as it was printed, from rounded weights


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in SKETCHES.glob("*.spec") if not path.stem.startswith("11"))
)
def test_a_sketch(name: str) -> None:
    lines = [f"expected {line.strip()}" for line in FIGURES.get(name, "").splitlines() if line.strip()]
    text = (SKETCHES / f"{name}.spec").read_text("utf-8")
    found = solve("\n".join([text, *lines]))
    assert len(found.verdicts) >= sum(line.count("=") for line in lines)
    assert [v.expected.words for v in found.verdicts if not v.agrees] == SLIPS.get(name, [])
    assert found.check.compared or name == "07_attention"  # which asks for no derivative
    assert found.text() and found.pdf().startswith(b"%PDF")
