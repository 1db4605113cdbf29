"""Every port of the domain, in this process's memory: stateful, and judged by the same contracts."""
