"""What the server counts, under /metrics in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

FIRST_TOKEN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
INTER_TOKEN_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1, 2)


class ServingMetrics:
    """Counters start at 0 with the process. Times are in seconds."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "tanren_serve_requests", "HTTP requests answered", ["route", "status"], registry=registry
        )
        self.first_token = Histogram(
            "tanren_serve_time_to_first_token_seconds",
            "from a request's arrival in the queue to its first token",
            buckets=FIRST_TOKEN_BUCKETS,
            registry=registry,
        )
        self.inter_token = Histogram(
            "tanren_serve_inter_token_latency_seconds",
            "between two tokens of one answer",
            buckets=INTER_TOKEN_BUCKETS,
            registry=registry,
        )
        self.prompt_tokens = Counter(
            "tanren_serve_prompt_tokens", "prompt tokens of started requests", registry=registry
        )
        self.answer_tokens = Counter(
            "tanren_serve_generation_tokens", "tokens generated, ends of turn among them", registry=registry
        )
        self.key_requests = Counter(
            "tanren_serve_key_requests", "requests answered", ["key", "status"], registry=registry
        )
        self.key_prompt_tokens = Counter(
            "tanren_serve_key_prompt_tokens", "prompt tokens of started requests", ["key"], registry=registry
        )
        self.key_answer_tokens = Counter(
            "tanren_serve_key_generation_tokens", "tokens generated", ["key"], registry=registry
        )
        self.bodies_under_way = Gauge(
            "tanren_serve_bodies_under_way", "requests whose body is being received", registry=registry
        )
        self.waiting = Gauge("tanren_serve_requests_waiting", "requests in the queue", registry=registry)
        self.running = Gauge("tanren_serve_requests_running", "requests being answered", registry=registry)
        self.in_flight = Gauge(
            "tanren_serve_requests_in_flight",
            "requests in the queue or being answered: the load that an autoscaler follows",
            registry=registry,
        )
        self.cache_use = Gauge(
            "tanren_serve_kv_cache_usage_ratio",
            "share of the key-value cache in use, 0 to 1",
            registry=registry,
        )

    def count_prompt(self, key: str, tokens: int) -> None:
        """`key` is the name of an API key, empty where none is asked for."""
        self.prompt_tokens.inc(tokens)
        if key:
            self.key_prompt_tokens.labels(key).inc(tokens)

    def count_token(self, key: str) -> None:
        """Of an answer."""
        self.answer_tokens.inc()
        if key:
            self.key_answer_tokens.labels(key).inc()

    def exposition(self) -> bytes:
        return generate_latest(self._registry)
