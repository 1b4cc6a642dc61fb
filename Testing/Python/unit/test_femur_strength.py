"""Elements that bend, compress and hold as the closed forms say; a femur that can be built, solved and handed on."""

import meshio
import numpy as np
import pytest
from femur_toys import toy_femur

from DeepVolumetryLib.errors import InputError
from FemurQCTLib.calibration import Calibration, manual
from FemurQCTLib.regions import fit_frame
from FemurQCTLib.strength import FALL, STANCE, build
from FemurQCTLib.strength.criterion import CRITICAL_STRAIN, equivalent_strain, failure_factor
from FemurQCTLib.strength.hexahedron import CORNERS, stiffness
from FemurQCTLib.strength.loads import push_direction
from FemurQCTLib.strength.materials import modulus
from FemurQCTLib.strength.mesh import VoxelMesh
from FemurQCTLib.strength.solve import assemble, solve

E, NU = 1000.0, 0.3


def block(nx: int, ny: int, nz: int, edge: float) -> VoxelMesh:
    return VoxelMesh(np.ones((nx, ny, nz), bool), edge, np.eye(3), np.zeros(3))


def cantilever(across: int, incompatible: bool = True) -> float:
    """Deflection of a beam of 100 x 10 x 10 mm with a force at its end, over that of Timoshenko's beam."""
    mesh = block(10 * across, across, across, 10 / across)
    grid = mesh.node_grid
    held = np.zeros((len(grid), 3), bool)
    root, tip = grid[:, 0] == 0, grid[:, 0] == 10 * across
    held[root, 0] = True  # free to contract across: a beam of the closed form is
    held[root & (grid[:, 1] == across // 2), 1] = True
    held[root & (grid[:, 2] == across // 2), 2] = True
    edge = [np.where((grid[:, a] == 0) | (grid[:, a] == across), 0.5, 1.0) for a in (1, 2)]
    share = edge[0] * edge[1] * tip
    share /= share.sum()
    load = np.zeros(held.shape)
    load[:, 2] = share
    found = solve(assemble(mesh, np.full(len(mesh.cells), E), NU, incompatible), mesh.local, held, np.zeros(held.shape), load)
    inertia, shear, kappa = 10**4 / 12, E / (2 * (1 + NU)), 10 * (1 + NU) / (12 + 11 * NU)
    return float(share @ found.displacement[:, 2]) / (100**3 / (3 * E * inertia) + 100 / (kappa * shear * 100))


def test_a_cantilever_bends_as_timoshenko_says_within_1_percent():
    assert cantilever(2) == pytest.approx(1, abs=0.01)
    assert cantilever(4) == pytest.approx(1, abs=0.002)


def test_without_incompatible_modes_it_would_be_too_stiff():
    assert cantilever(2, incompatible=False) < 0.9


def test_a_compressed_cube_is_exact():
    mesh = block(4, 4, 4, 2.5)
    grid = mesh.node_grid
    held, moved = np.zeros((len(grid), 3), bool), np.zeros((len(grid), 3))
    bottom, top = grid[:, 2] == 0, grid[:, 2] == 4
    held[bottom | top, 2], moved[top, 2] = True, -0.1
    held[grid[:, 0] == 0, 0] = True
    held[grid[:, 1] == 0, 1] = True
    found = solve(assemble(mesh, np.full(64, E), NU), mesh.local, held, moved)
    assert found.force[top, 2].sum() == pytest.approx(-E * 0.1 / 10 * 100, rel=1e-6)
    assert found.displacement[grid[:, 0] == 4, 0] == pytest.approx(NU * 0.1, rel=1e-5)
    # U = E strain^2 / 2, so the equivalent strain is the strain
    assert equivalent_strain(mesh, found.displacement) == pytest.approx(0.01, rel=1e-5)


def test_a_cube_of_two_layers_yields_like_springs_in_series():
    mesh = block(3, 3, 6, 1.0)
    grid = mesh.node_grid
    modulus_of = np.where(mesh.cells[:, 2] < 3, 200.0, 2000.0)
    held, moved = np.zeros((len(grid), 3), bool), np.zeros((len(grid), 3))
    held[(grid[:, 2] == 0) | (grid[:, 2] == 6), 2] = True
    moved[grid[:, 2] == 6, 2] = -0.06
    held[grid[:, 0] == 0, 0] = held[grid[:, 1] == 0, 1] = True
    found = solve(assemble(mesh, modulus_of, 0.0), mesh.local, held, moved)
    assert -found.force[grid[:, 2] == 6, 2].sum() == pytest.approx(0.06 * 9 / (3 / 200 + 3 / 2000), rel=1e-6)


@pytest.mark.parametrize("incompatible", [True, False])
def test_an_element_has_six_rigid_motions_and_passes_the_patch_test(incompatible):
    cube = stiffness(2.0, NU, incompatible)
    values = np.linalg.eigvalsh(cube)
    assert np.allclose(values[:6], 0, atol=1e-9) and values[6] > 1e-3
    # a constant strain gives the forces of a constant stress
    strain = np.array([[1.0, 0.2, -0.1], [0.2, -0.5, 0.3], [-0.1, 0.3, 0.4]])
    moves = (2.0 * CORNERS) @ strain
    energy = 0.5 * moves.ravel() @ cube @ moves.ravel()
    lame, shear = NU / ((1 + NU) * (1 - 2 * NU)), 1 / (2 * (1 + NU))
    assert energy == pytest.approx(8 * (0.5 * lame * np.trace(strain) ** 2 + shear * (strain**2).sum()))


def test_a_rigid_motion_of_the_whole_mesh_needs_no_force():
    mesh = VoxelMesh(np.random.default_rng(0).random((4, 5, 6)) > 0.2, 1.5, np.eye(3), np.zeros(3))
    matrix = assemble(mesh, np.random.default_rng(1).uniform(1, 1e4, len(mesh.cells)))
    turn = np.cross(mesh.local, [0.1, -0.2, 0.3]) + np.array([1, 2, 3])
    assert np.abs(matrix @ turn.ravel()).max() < 1e-6 * np.abs(matrix.data).max()


def test_modulus_follows_the_equation_that_is_named_and_the_phantom():
    k2hpo4, cha = manual(0.8, 0, "mindways_3"), manual(0.8, 0, "qrm_bdc_6")
    assert modulus(np.array([500.0]), k2hpo4) == pytest.approx(10500 * ((1.06 * 500 + 38.9) / 1000) ** 2.29)
    assert modulus(np.array([500.0]), cha) == pytest.approx(10500 * ((0.839 * 500 + 69.8) / 1000) ** 2.29)
    assert modulus(np.array([-900.0]), k2hpo4) == pytest.approx(0.085, abs=0.02)
    with pytest.raises(InputError, match="choose its type"):
        modulus(np.array([500.0]), Calibration(0.8, 0.0))


def test_failure_is_when_7_percent_are_strained_beyond_the_limit():
    strain = np.concatenate([np.full(90, 0.001), np.full(10, 0.0022)])
    everywhere = np.ones(100, bool)
    assert failure_factor(strain, everywhere) == pytest.approx(CRITICAL_STRAIN / 0.0022)
    assert failure_factor(np.concatenate([np.full(95, 0.001), np.full(5, 1.0)]), everywhere) == pytest.approx(CRITICAL_STRAIN / 0.001)


@pytest.fixture(scope="module")
def femur():
    toy = toy_femur(below=50)
    return toy, fit_frame(toy.mask.voxels, toy.mask, "left"), manual(0.82, 3.0, "mindways_3")


def model_of(femur, load, edge_mm=4.0, factor=1.0, **changes):
    toy, frame, calibration = femur
    return build(toy.density * np.float32(factor), toy.mask.voxels, toy.mask, calibration, frame, edge_mm, load, **changes)


@pytest.mark.parametrize("load", [STANCE, FALL])
def test_a_femur_is_solved_in_balance(femur, load):
    model = model_of(femur, load)
    found = model.solve()
    assert 2000 < found.stiffness_n_mm < 60000
    assert 1000 < found.failure_load_n < 40000
    assert found.elements == len(model.mesh.cells) and found.nodes == len(model.mesh.node_grid)
    assert "7 % of the bone" in found.criterion and "2.29" in found.equation
    assert "not a measured strength" in found.warnings[-1]
    # what pushes and what holds are in balance, and nothing else has a force
    force = model.solution().force
    assert np.abs(force.sum(axis=0)).max() < 1e-3 * np.abs(force).sum()
    assert np.abs(force[~model.case.held.any(axis=1)]).max() < 1e-3 * np.abs(force).max()


def test_the_volume_and_the_mineral_of_the_mesh_are_those_of_the_femur(femur):
    toy = femur[0]
    model = model_of(femur, FALL, edge_mm=3.0)
    assert model.mesh.occupied.sum() * 27 / 1000 == pytest.approx(toy.mask.voxels.sum() * toy.mask.voxel_ml, rel=0.04)
    inside = toy.density[toy.mask.voxels].mean()
    assert model.density.mean() == pytest.approx(inside, rel=0.06)


def test_denser_bone_is_stiffer_and_stronger(femur):
    weak, strong = (model_of(femur, FALL, factor=f).solve() for f in (0.8, 1.0))
    assert strong.stiffness_n_mm > 1.3 * weak.stiffness_n_mm
    assert strong.failure_load_n > 1.3 * weak.failure_load_n


def test_left_and_right_are_equal_under_equal_loads():
    found = []
    for side in ("left", "right"):
        toy = toy_femur(side, below=40)
        frame = fit_frame(toy.mask.voxels, toy.mask, side)
        found.append(build(toy.density, toy.mask.voxels, toy.mask, manual(0.82, 3, "mindways_3"), frame, 4.0, FALL).solve())
    assert found[0].stiffness_n_mm == pytest.approx(found[1].stiffness_n_mm, rel=0.08)
    assert found[0].failure_load_n == pytest.approx(found[1].failure_load_n, rel=0.08)


def test_the_push_comes_from_where_it_should(femur):
    frame = femur[1]
    stance, fall = push_direction(frame, STANCE), push_direction(frame, FALL)
    assert np.degrees(np.arccos(-stance @ frame.shaft_axis)) == pytest.approx(20, abs=0.5)
    assert stance @ frame.medial < 0 and abs(stance @ frame.anterior) < 1e-6
    assert np.degrees(np.arccos(-fall @ frame.medial)) == pytest.approx(18, abs=0.5)  # 10 up and 15 to the front
    with pytest.raises(InputError, match="Choose fall or stance"):
        push_direction(frame, "jump")


def test_a_short_femur_says_what_that_does(femur):
    toy = toy_femur(below=20)
    frame = fit_frame(toy.mask.voxels, toy.mask, "left")
    model = build(toy.density, toy.mask.voxels, toy.mask, femur[2], frame, 4.0)
    assert any("mm of shaft are below the lesser trochanter" in sentence for sentence in model.warnings)


@pytest.mark.parametrize("ending", [".inp", ".vtu", ".msh"])
def test_a_mesh_is_read_back_as_it_was_written(femur, tmp_path, ending):
    model = model_of(femur, STANCE)
    model.solve()
    path = tmp_path / f"femur{ending}"
    model.write(path)
    again = meshio.read(path)
    assert np.allclose(again.points, model.mesh.points, atol=1e-4)
    assert np.array_equal(again.cells_dict["hexahedron"], model.mesh.elements)
    if ending == ".vtu":
        assert np.allclose(again.cell_data["modulus_MPa"][0], model.modulus)
        assert again.point_data["displacement_mm"].shape == (len(model.mesh.node_grid), 3)
    if ending == ".msh":
        assert np.allclose(again.cell_data["modulus_MPa"][0], model.modulus)


def test_the_abaqus_file_has_everything_to_be_solved(femur, tmp_path):
    model = model_of(femur, FALL)
    model.write(tmp_path / "femur.inp")
    text = (tmp_path / "femur.inp").read_text()
    assert text.count("TYPE=C3D8") == text.count("TYPE=C3D8I\n") == 1
    for keyword in ("*MATERIAL", "*ELASTIC", "*SOLID SECTION", "*TRANSFORM, NSET=GIVEN", "*BOUNDARY", "*STATIC", "*END STEP"):
        assert keyword in text
    sets = text.split("*ELSET, ELSET=BONE")[1:]
    members = [int(n) for part in sets for n in part.split("\n", 1)[1].split("*", 1)[0].replace(",", " ").split()]
    assert sorted(members) == list(range(1, len(model.mesh.elements) + 1))
    assert text.count(", 3, 3, -1\n") == model.case.pushed.sum()


def test_what_cannot_be_written_or_built_is_said(femur, tmp_path):
    toy, frame, calibration = femur
    model = model_of(femur, FALL)
    with pytest.raises(InputError, match=r"\.inp, \.vtu, \.msh, not as “\.stl”"):
        model.write(tmp_path / "femur.stl")
    with pytest.raises(InputError, match="cannot be written"):
        model.write(tmp_path / "nowhere" / "femur.vtu")
    with pytest.raises(InputError, match=r"Voxels of 0\.1 mm"):
        model_of(femur, FALL, edge_mm=0.1)
    with pytest.raises(InputError, match="no femur"):
        build(toy.density, np.zeros_like(toy.mask.voxels), toy.mask, calibration, frame)
