"""The address of a web port, as a browser takes it."""


def web_address(host: str, port: int, path: str) -> str:
    """`http://host:port` and a path, which begins with `/`; an IPv6 host gets its brackets."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"
