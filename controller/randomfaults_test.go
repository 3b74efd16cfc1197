package controller_test

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealift.dev/sealift/controller/internal/localaws"
)

// fault has a call go wrong, of those that are to come.
func (w *world) fault(n int, lasting bool) {
	operations := []string{"GetFunction", "GetAlias", "Decrypt", "GenerateDataKey", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "CreateAlias", "UpdateAlias", "PublishLayerVersion", localaws.DownloadOperation}
	operation := operations[n%len(operations)]
	var faults []localaws.Fault
	for _, m := range mishaps(operation) {
		// Others are actions of their own, and a value that does not open is left until git has another.
		if m.fault.Kind != localaws.FaultMeanwhile && m.fault.Code != "InvalidCiphertextException" && m.fault.Code != "IncorrectKeyException" {
			faults = append(faults, m.fault)
		}
	}
	fault := faults[n/len(operations)%len(faults)]
	fault.Operation, fault.From = operation, 1+n%3
	if !lasting {
		fault.To = fault.From
	}
	w.faults.Set(fault)
	w.disturb(3) // the SDK tries as often
	w.note("fault %d of %s: %+v", fault.Kind, operation, fault)
}

// meanwhile has somebody write right ahead of a call of an operator's that is to come.
func (w *world) meanwhile(n int) {
	operations := []string{"UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias", "UpdateFunctionConfiguration", "UpdateAlias", "GetAlias", "Decrypt"}
	kinds := []string{"set a foreign variable", "weigh the alias", "set an owned variable", "set memory", "add a layer", "move the alias", "deploy code"}
	operation, does := operations[n%len(operations)], action{kind: kinds[n/len(operations)%len(kinds)], n: n}
	w.faults.Set(localaws.Fault{Operation: operation, From: 1, To: 1, Kind: localaws.FaultMeanwhile, Meanwhile: func() {
		w.note("ahead of %s: %s", operation, does)
		w.act(does)
		time.Sleep(3*time.Second + 11*time.Microsecond) // what they wrote is done by then
	}})
}

// crash has an operator die in the middle of a call, and another one started in its place
// that remembers what was uploaded, or nothing.
func (w *world) crash(n int) {
	i := n % 2
	if w.actors[i] == nil {
		i = 0
	}
	w.actors[i].dies(1+n/2%12, n%5 < 3)
	after(2 * time.Minute)
	memory := w.actors[i].memory
	w.halt(i, true)
	w.disturb(1)
	w.start(i)
	if n%3 > 0 {
		memory.byFunction.Range(func(function, last any) bool { w.actors[i].memory.byFunction.Store(function, last); return true })
	}
}

func (w *world) disable(which int) {
	w.people.Lock()
	defer w.people.Unlock()
	id := []string{w.sealing, w.bundle}[which]
	if _, err := w.keys.DisableKey(w.t.Context(), &kms.DisableKeyInput{KeyId: &id}); err != nil {
		w.t.Error(err)
	}
	w.disabled[id] = true
}

func (w *world) enable() {
	w.people.Lock()
	defer w.people.Unlock()
	for id := range w.disabled {
		if _, err := w.keys.EnableKey(w.t.Context(), &kms.EnableKeyInput{KeyId: &id}); err != nil {
			w.t.Error(err)
		}
	}
	clear(w.disabled)
}
