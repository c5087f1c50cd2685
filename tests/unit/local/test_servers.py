from __future__ import annotations

from pathlib import Path

from local.servers import follow_port


def test_queues_made_at_another_port_are_found_at_this_one(tmp_path: Path) -> None:
    state = tmp_path / "sqs.json"
    state.write_text('{"http://localhost:4711/000000000000/jobs": {"mongo": "127.0.0.1:27217"}}')

    follow_port(tmp_path, 4999)

    moved = '{"http://localhost:4999/000000000000/jobs": {"mongo": "127.0.0.1:27217"}}'
    assert state.read_text() == moved
