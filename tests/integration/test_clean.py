"""`./dev clean` deletes what `./dev` has made: anything else that it took with it would be somebody's work."""

import errno

import pytest

from app.stand import Stand, StandError, clean


@pytest.mark.parametrize("name", ["precious", "lock", "onsale-data"])
def test_clean_leaves_a_folder_alone_that_no_stand_has_made(tmp_path, name):
    precious = tmp_path / name
    precious.write_text("mine")
    with pytest.raises(StandError, match="left alone"):
        clean.remove_data(tmp_path)
    assert precious.exists()


def test_a_folder_with_files_of_somebody_else_is_refused_and_so_never_cleaned(tmp_path):
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(StandError, match="holds something that is not of onsale"):
        Stand(tmp_path, kafka="none")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_clean_deletes_a_folder_that_a_stand_has_made(tmp_path):
    data = tmp_path / "data"
    Stand(data, kafka="none").stop()
    clean.remove_data(data)
    assert not data.exists()


def test_clean_deletes_the_builds_of_dev_and_nothing_that_is_only_called_so(tmp_path):
    def build_folder(name, project):
        (tmp_path / name).mkdir()
        (tmp_path / name / "CMakeCache.txt").write_text(f"CMAKE_PROJECT_NAME:STATIC={project}\n")
        return tmp_path / name

    ours, others = build_folder("build", "onsale"), build_folder("build-asan", "somebody-elses")
    link, file, elsewhere = tmp_path / "build-tsan", tmp_path / "build-fuzz", build_folder("elsewhere", "onsale")
    link.symlink_to(elsewhere)
    file.write_text("mine")
    gone = tmp_path / "build-gone"
    assert clean.remove_builds([ours, others, link, file, gone]) == [others, link, file]
    assert not ours.exists()
    assert others.exists() and link.is_symlink() and elsewhere.exists() and file.exists()


def test_a_build_that_cannot_be_deleted_is_said_in_words(tmp_path, monkeypatch):
    def refuse(_path):
        raise PermissionError(errno.EPERM, "Operation not permitted", "loop.o")

    (tmp_path / "CMakeCache.txt").write_text("CMAKE_PROJECT_NAME:STATIC=onsale\n")
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", refuse)
        with pytest.raises(StandError, match="cannot be deleted: loop.o: Operation not permitted"):
            clean.remove_builds([tmp_path])
