-- Health of what lives on: InferenceDeployment.
local status = obj.status or {}
local condition = {}
for _, one in ipairs(status.conditions or {}) do
  condition[one.type] = one
end
local ready = condition.Ready

if ready == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not seen this version yet" }
end
if condition.Stalled ~= nil and condition.Stalled.status == "True" then
  return { status = "Degraded", message = ready.reason .. ": " .. ready.message }
end
if ready.reason == "ScaledToZero" then
  return { status = "Suspended", message = ready.message }
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
return { status = "Progressing", message = ready.reason .. ": " .. ready.message }
