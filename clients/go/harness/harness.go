// Package harness runs scenarios in the order they are asked for, and prints one line of JSON for each.
package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"
)

// Bootstrap and the others are the arguments of a program: BOOTSTRAP RUN CLIENT SCENARIO...
var (
	Bootstrap, Run, Client = os.Args[1], os.Args[2], os.Args[3]
	// Prefix begins the names of this client's topics and groups.
	Prefix = Run + "-" + Client + "-"
	Codecs = []string{"gzip", "snappy", "lz4", "zstd"}
)

// skipped is why the client cannot do a scenario.
type skipped string

// Skip ends a scenario that the client cannot do.
func Skip(why string) { panic(skipped(why)) }

// RunAll answers every scenario that was asked for.
func RunAll(scenarios map[string]func()) {
	for _, name := range os.Args[4:] {
		begin := time.Now()
		result, reason := one(scenarios[name])
		answer := map[string]any{"scenario": name, "result": result, "ms": time.Since(begin).Milliseconds()}
		if reason != "" {
			answer["reason"] = reason
		}
		line, _ := json.Marshal(answer)
		fmt.Println(string(line))
	}
}

// one runs a scenario, which panics with what it fails of.
func one(scenario func()) (result, reason string) {
	defer func() {
		if why := recover(); why != nil {
			result, reason = "fail", fmt.Sprint(why)
			if text, ok := why.(skipped); ok {
				result, reason = "skipped", string(text)
			}
		}
	}()
	if scenario == nil {
		Skip("the program has no such scenario")
	}
	scenario()
	return "pass", ""
}

// Must returns a value that comes without an error.
func Must[T any](value T, err error) T {
	Check(err)
	return value
}

// Check fails of an error.
func Check(err error) {
	if err != nil {
		panic(err)
	}
}

// Expect fails of a value that is not the one wanted.
func Expect(actual, wanted any, what string) {
	if !reflect.DeepEqual(actual, wanted) {
		panic(fmt.Sprintf("%s: %v instead of %v", what, actual, wanted))
	}
}

// Fails fails of any error but those wanted.
func Fails(err error, wanted ...error) {
	for _, one := range wanted {
		if errors.Is(err, one) {
			return
		}
	}
	panic(fmt.Sprintf("%v instead of %v", err, wanted))
}

// Until waits for a condition, up to 40 seconds.
func Until(condition func() bool, what string) {
	for end := time.Now().Add(40 * time.Second); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			panic("waited too long for " + what)
		}
	}
}

// FirstTimeMs is the time stamp of the first record of scenarios produce and consume; each next one is a second later.
const FirstTimeMs = 1_700_000_000_000

// Numbers counts from a number up to below another.
func Numbers(from, to int64) []int64 {
	all := []int64{}
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

// Values are what numbered records hold.
func Values(count int) []string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf("value-%d", i)
	}
	return all
}

// Compressible is a value that is worth compressing.
func Compressible(i int) string {
	return fmt.Sprintf("value-%d-%s", i, strings.Repeat("abcdefghij", i%50))
}

// Across calls for the topics that other clients have written.
func Across(check func(topic, codec string)) {
	for _, writer := range strings.Split(os.Getenv("MATRIX_WRITERS"), ",") {
		for _, codec := range Codecs {
			check(Run+"-"+writer+"-across-"+codec, codec)
		}
	}
}
