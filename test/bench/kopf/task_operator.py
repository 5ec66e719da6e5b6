"""The operator of the comparison, as kopf's documentation would have it: handlers by cause, in-memory indexes, annotations.

Two handlers of kopf may run at once for one Task (its own and its Job's), so each writes fields of its own: `reconcile` writes
observedGeneration and jobName, `follow` writes phase. Both compare with what the watches have told before they write.
"""

from __future__ import annotations

from typing import Any

import kopf
from kubernetes_asyncio import client, config

GROUP, VERSION, TASKS = "bench.tanren.dev", "v1", "tasks"
MANAGED_BY = {"app.kubernetes.io/managed-by": "task-operator"}

api: dict[str, Any] = {}


@kopf.on.login()
def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_kubeconfig(**kwargs)


@kopf.on.startup()
async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    # One namespace and a role that reaches no further: nothing of the cluster can be scanned.
    settings.scanning.disabled = True
    settings.peering.name = "default"
    settings.peering.mandatory = True
    settings.watching.label_selectors["batch", "jobs"] = "app.kubernetes.io/managed-by=task-operator"
    await config.load_kube_config()
    connection = client.ApiClient()
    api["connection"] = connection
    api["jobs"] = client.BatchV1Api(connection)
    api["objects"] = client.CustomObjectsApi(connection)


@kopf.on.cleanup()
async def close(**_: Any) -> None:
    await api["connection"].close()


@kopf.index("batch", "v1", "jobs", labels=MANAGED_BY)
async def jobs(name: str, spec: kopf.Spec, status: kopf.Status, **_: Any) -> dict[str, dict[str, Any]]:
    return {name: {"parallelism": spec["parallelism"], "phase": phase_of(status)}}


@kopf.index(GROUP, VERSION, TASKS)
async def phases(name: str, status: kopf.Status, **_: Any) -> dict[str, str | None]:
    return {name: status.get("phase")}


@kopf.on.resume(GROUP, VERSION, TASKS)
@kopf.on.create(GROUP, VERSION, TASKS)
@kopf.on.update(GROUP, VERSION, TASKS, field="spec")
async def reconcile(
    name: str,
    namespace: str,
    body: kopf.Body,
    spec: kopf.Spec,
    meta: kopf.Meta,
    status: kopf.Status,
    patch: kopf.Patch,
    jobs: kopf.Index[str, dict[str, Any]],
    **_: Any,
) -> None:
    existing = next(iter(jobs.get(name, ())), None)
    if existing is None:
        await create(wanted_job(name, body), namespace)
    elif existing["parallelism"] != spec["parallelism"]:
        change = {"spec": {"parallelism": spec["parallelism"], "completions": spec["parallelism"]}}
        await api["jobs"].patch_namespaced_job(name, namespace, change, _content_type="application/merge-patch+json")
    wanted = {"observedGeneration": meta["generation"], "jobName": name}
    patch.status.update({field: value for field, value in wanted.items() if status.get(field) != value})


async def create(job: dict[str, Any], namespace: str) -> None:
    try:
        await api["jobs"].create_namespaced_job(namespace, job)
    except client.ApiException as error:
        if error.status != 409:  # the index had not seen it yet
            raise


@kopf.on.event("batch", "v1", "jobs", labels=MANAGED_BY)
async def follow(name: str, namespace: str, status: kopf.Status, phases: kopf.Index[str, str | None], **_: Any) -> None:
    phase = phase_of(status)
    if phase is None or next(iter(phases.get(name, ())), None) == phase:
        return
    try:
        await api["objects"].patch_namespaced_custom_object_status(
            GROUP, VERSION, namespace, TASKS, name, {"status": {"phase": phase}}, _content_type="application/merge-patch+json"
        )
    except client.ApiException as error:
        if error.status != 404:  # the Task has gone, and its Job goes after it
            raise


def phase_of(status: kopf.Status) -> str | None:
    true = {condition["type"] for condition in status.get("conditions", ()) if condition["status"] == "True"}
    for condition, phase in (("Complete", "Succeeded"), ("Failed", "Failed"), ("Suspended", "Suspended")):
        if condition in true:
            return phase
    return "Running" if status.get("active", 0) > 0 else None


def wanted_job(name: str, body: kopf.Body) -> dict[str, Any]:
    parallelism = body["spec"]["parallelism"]
    container = {"name": "task", "image": "tanren.dev/none:0", "command": list(body["spec"]["command"])}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": MANAGED_BY | {"bench.tanren.dev/task": name}},
        "spec": {
            "suspend": True,
            "completionMode": "Indexed",
            "completions": parallelism,
            "parallelism": parallelism,
            "backoffLimit": 0,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
        },
    }
    kopf.append_owner_reference(job, owner=body)
    return job
