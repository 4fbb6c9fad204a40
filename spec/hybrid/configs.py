"""Reconfigure messages for tests."""
import gzip
import json
import uuid

WORKSPACE = "12dab06d-798a-453f-98c5-cd5066c8e844"


def ident(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def table(upstream_port: int, routes: int = 1, **sections) -> dict:
    """One service with `routes` routes /r0, /r1, ...; further sections as given."""
    now = 1795375200
    return {
        "_format_version": "3.0", "_transform": False,
        "workspaces": [{"id": WORKSPACE, "name": "default", "comment": None, "config": {}, "meta": {}, "created_at": now, "updated_at": now}],
        "services": [{"id": ident("s"), "name": "s", "protocol": "http", "host": "127.0.0.1", "port": upstream_port, "path": None, "retries": 5, "enabled": True,
                      "connect_timeout": 60000, "write_timeout": 60000, "read_timeout": 60000, "tags": None, "created_at": now, "updated_at": now}],
        "routes": [{"id": ident(f"r{i}"), "name": f"r{i}", "paths": [f"/r{i}"], "protocols": ["http", "https"], "service": ident("s"), "methods": None, "hosts": None,
                    "headers": None, "strip_path": True, "preserve_host": False, "created_at": now, "updated_at": now} for i in range(routes)],
        **sections,
    }


def message(config_table: dict, config_hash: str, **more) -> bytes:
    """As a control plane sends it: gzip of JSON."""
    return gzip.compress(json.dumps({"type": "reconfigure", "timestamp": 1795375223.871, "config_table": config_table, "config_hash": config_hash, **more}).encode(), 5)


def name_hash(name: str) -> str:
    """32 characters that stand for a configuration; its hash is opaque to data planes."""
    return ident(name).replace("-", "")
