// Runs health checks as Argo CD does: the same Lua, an object as the global `obj`, a table with status and message as the result.
// Reads a JSON list of {script, object} and writes a JSON list of {status, message}.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	lua "github.com/yuin/gopher-lua"
)

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func main() {
	var checks []struct {
		Script string         `json:"script"`
		Object map[string]any `json:"object"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&checks); err != nil {
		fail(err)
	}
	found := make([]health, 0, len(checks))
	for _, check := range checks {
		result, err := run(check.Script, check.Object)
		if err != nil {
			fail(err)
		}
		found = append(found, result)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail(err)
	}
}

func run(script string, object map[string]any) (health, error) {
	// Argo CD opens no more than these libraries unless told to.
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return health{}, err
		}
	}
	state.SetGlobal("obj", table(state, object))
	if err := state.DoString(script); err != nil {
		return health{}, err
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return health{}, fmt.Errorf("the script returned %s, not a table", state.Get(-1).Type())
	}
	return health{Status: result.RawGetString("status").String(), Message: result.RawGetString("message").String()}, nil
}

func table(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		list := state.CreateTable(len(value), 0)
		for _, element := range value {
			list.Append(table(state, element))
		}
		return list
	case map[string]any:
		fields := state.CreateTable(0, len(value))
		for key, field := range value {
			fields.RawSetString(key, table(state, field))
		}
		return fields
	default:
		return lua.LNil
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
