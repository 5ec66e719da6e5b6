-- Health of a run that ends: Corpus, PretrainRun, ContextExtension, AlignmentRun, Evaluation.
local status = obj.status or {}
local condition = {}
for _, one in ipairs(status.conditions or {}) do
  condition[one.type] = one
end
local succeeded = condition.Succeeded

if succeeded == nil or status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not seen this version yet" }
end
if condition.Stalled ~= nil and condition.Stalled.status == "True" then
  return { status = "Degraded", message = succeeded.reason .. ": " .. succeeded.message }
end
if succeeded.status == "True" then
  return { status = "Healthy", message = succeeded.message }
end
if succeeded.reason == "Suspended" then
  return { status = "Suspended", message = succeeded.message }
end
return { status = "Progressing", message = succeeded.reason .. ": " .. succeeded.message }
