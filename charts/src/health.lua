-- Health by the root condition: Succeeded of a run, which ends, or Ready of an InferenceDeployment, which lives on.
local status = obj.status or {}
local condition = {}
for _, one in ipairs(status.conditions or {}) do
  condition[one.type] = one
end
local root = condition.Succeeded or condition.Ready

if root == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not seen this version yet" }
end
if condition.Stalled ~= nil and condition.Stalled.status == "True" then
  return { status = "Degraded", message = root.reason .. ": " .. root.message }
end
-- An endpoint without replicas is Ready all the same.
if root.reason == "Suspended" or root.reason == "ScaledToZero" then
  return { status = "Suspended", message = root.message }
end
-- An endpoint may answer while it is being brought to another model.
local reconciling = condition.Reconciling ~= nil and condition.Reconciling.status == "True"
if root.status == "True" and not reconciling then
  return { status = "Healthy", message = root.message }
end
return { status = "Progressing", message = root.reason .. ": " .. root.message }
