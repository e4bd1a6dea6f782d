package verify

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// bulk runs operations, those that others refer to first.
func (s *fake) bulk(body map[string]any) answer {
	ops, ok := body["Operations"].([]any)
	if !ok || !hasSchema(body, bulkURN) {
		refuse(400, "invalidSyntax", "no BulkRequest")
	}
	if len(ops) > 50 && !s.on[bulkUnlimited] {
		refuse(413, "tooMany", "at most 50 operations")
	}
	limit, _ := body["failOnErrors"].(float64)
	made, results, errors := map[string]string{}, []any{}, 0
	waiting := slices.Clone(ops)
	for len(waiting) > 0 {
		i := max(0, slices.IndexFunc(waiting, func(o any) bool { return !s.refers(o, made) }))
		op, _ := waiting[i].(map[string]any)
		waiting = slices.Delete(waiting, i, i+1)
		result := s.bulkOne(op, made)
		results = append(results, result)
		if strings.HasPrefix(result["status"].(string), "4") {
			if errors++; limit > 0 && errors >= int(limit) && !s.on[failOnErrorsLost] {
				break
			}
		}
	}
	return answer{status: 200, body: map[string]any{"schemas": []any{bulkReplyURN}, "Operations": results}}
}

// refers reports whether op names a bulkId not made yet.
func (s *fake) refers(op any, made map[string]string) bool {
	text := string(s.marshal(op))
	for {
		_, rest, found := strings.Cut(text, "bulkId:")
		if !found {
			return false
		}
		end := strings.IndexAny(rest, `"/`)
		if made[rest[:max(end, 0)]] == "" {
			return true
		}
		text = rest
	}
}

func (s *fake) bulkOne(op map[string]any, made map[string]string) (result map[string]any) {
	result = map[string]any{}
	maps.Copy(result, map[string]any{"method": op["method"], "bulkId": op["bulkId"]})
	defer func() {
		if p := recover(); p != nil {
			no, ok := p.(refusal)
			if !ok {
				panic(p)
			}
			a := s.refused(no)
			result["status"], result["response"] = strconv.Itoa(no.status), a.body
		}
	}()
	if op["method"] == "POST" && op["bulkId"] == nil {
		refuse(400, "invalidSyntax", "POST needs a bulkId")
	}
	for id, at := range made {
		if !s.on[bulkIDUnresolved] {
			op = cloneReplacing(s, op, "bulkId:"+id, at)
		}
	}
	if s.refers(op, nil) && !s.on[bulkIDUnresolved] {
		refuse(409, "invalidValue", "a bulkId names nothing")
	}
	method, _ := op["method"].(string)
	if !slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, method) {
		refuse(400, "invalidSyntax", "no method "+method)
	}
	path, _ := op["path"].(string)
	data, _ := op["data"].(map[string]any)
	r, err := http.NewRequest(method, s.base+path, nil)
	if err != nil {
		refuse(400, "invalidPath", err.Error())
	}
	a := s.route(r, data)
	result["status"] = strconv.Itoa(a.status)
	if doc, _ := a.body.(map[string]any); doc != nil {
		result["location"] = lookup(doc, "meta.location")
		if id, _ := op["bulkId"].(string); id != "" {
			made[id] = lookupString(doc, "id")
		}
	}
	return result
}

func cloneReplacing(s *fake, op map[string]any, old, with string) map[string]any {
	text := strings.ReplaceAll(string(s.marshal(op)), old+`"`, with+`"`)
	var out map[string]any
	mustJSON(text, &out)
	return out
}
