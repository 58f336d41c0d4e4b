package axm_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/applemdm/applemdm/axm"
	"github.com/applemdm/applemdm/axm/axmtest"
)

// newOperationExample is newExample with an organisation that has two servers, three devices and
// activities that end soon.
func newOperationExample() (org *axmtest.Org, client *axm.Client, lab string, end func()) {
	srv := axmtest.NewServer(nil)
	org = srv.AddOrg(axmtest.OrgOptions{})
	old := org.AddServer(axmtest.MDMServer{Name: "Old MDM"})
	lab = org.AddServer(axmtest.MDMServer{Name: "Lab MDM"})
	for _, serial := range []string{"ZZ9PLURALA1", "ZZ9PLURALA2", "ZZ9PLURALA3"} {
		org.AddDevices(axmtest.Device{SerialNumber: serial, ServerID: old, MigrationCapable: serial != "ZZ9PLURALA3"})
	}
	account := org.Account()
	key, err := axm.ParseKey(account.ClientID(), account.Key().ID, account.Key().PEM())
	if err != nil {
		log.Fatal(err)
	}
	client, err = axm.New(key, &axm.Options{
		HTTPClient: srv.Client(),
		BaseURL:    srv.URL,
		TokenURL:   srv.URL + "/auth/oauth2/token",
		PollAfter:  time.Millisecond, // nobody has to spare a simulator
	})
	if err != nil {
		log.Fatal(err)
	}
	return org, client, lab, srv.Close
}

// Assign devices, and tell apart what Apple refused and what it does not know.
func ExampleClient_AssignDevices() {
	_, client, lab, end := newOperationExample()
	defer end()
	ctx := context.Background()

	op, err := client.AssignDevices(ctx, lab, []string{"ZZ9PLURALA1", "ZZ9PLURALA2", "ZZ9PLURALB9"})
	if err != nil {
		log.Fatal(err) // nothing was begun
	}
	result, err := op.Wait(ctx)
	if err != nil {
		log.Fatal(err) // Apple cannot be asked; op.Wait can be called again
	}
	fmt.Println("assigned:", result.Outcomes.With(axm.StatusDone).Serials())
	fmt.Println("not of this organisation:", result.Missing().Serials())
	for _, o := range result.Failed() {
		fmt.Println(o.SerialNumber, o.Err)
	}
	// Output:
	// assigned: [ZZ9PLURALA1 ZZ9PLURALA2]
	// not of this organisation: [ZZ9PLURALB9]
}

// Move devices to another server without erasing them. Not every device can.
func ExampleClient_MigrateDevices() {
	_, client, lab, end := newOperationExample()
	defer end()
	ctx := context.Background()

	_, err := client.MigrateDevices(ctx, lab, time.Now().AddDate(0, 4, 0), []string{"ZZ9PLURALA1"})
	fmt.Println(err)

	op, err := client.MigrateDevices(ctx, lab, time.Now().AddDate(0, 1, 0), []string{"ZZ9PLURALA1", "ZZ9PLURALA3"})
	if err != nil {
		log.Fatal(err)
	}
	result, err := op.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range result.Outcomes {
		fmt.Println(o)
		if failure, ok := errors.AsType[*axm.DeviceError](o.Err); ok {
			fmt.Println(failure.Status, failure.SubStatus)
		}
	}
	// Output:
	// deadline: must be within 90 days
	// ZZ9PLURALA1: done
	// ZZ9PLURALA3: failed
	// ISSUE OPERATION_NOT_ALLOWED
}

// Apple refuses to assign what is assigned already, which is no harm: the devices tell.
func ExampleOperation_Verify() {
	org, client, lab, end := newOperationExample()
	defer end()
	org.AssignDevices(lab, "ZZ9PLURALA1")
	ctx := context.Background()

	op, err := client.AssignDevices(ctx, lab, []string{"ZZ9PLURALA1", "ZZ9PLURALA2"})
	if err != nil {
		log.Fatal(err)
	}
	result, err := op.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Err())
	result, err = op.Verify(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Outcomes)
	// Output:
	// 1 of 2 not done: the activity failed for the device: ISSUE OPERATION_NOT_ALLOWED
	// [ZZ9PLURALA1: done ZZ9PLURALA2: done]
}

// What was begun before a restart goes on after it.
func ExampleOperation_Record() {
	_, client, lab, end := newOperationExample()
	defer end()
	ctx := context.Background()

	op, err := client.AssignDevices(ctx, lab, []string{"ZZ9PLURALA1"})
	if err != nil {
		log.Fatal(err)
	}
	kept, err := json.Marshal(op.Record())
	if err != nil {
		log.Fatal(err)
	}

	var record axm.OperationRecord // after the restart
	if err := json.Unmarshal(kept, &record); err != nil {
		log.Fatal(err)
	}
	op, err = client.ResumeOperation(&record)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(op.Result().Outcomes[0])
	result, err := op.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Outcomes[0])
	// Output:
	// ZZ9PLURALA1: pending
	// ZZ9PLURALA1: done
}

// Look whether what is believed to be assigned is.
func ExampleClient_VerifyAssigned() {
	org, client, lab, end := newOperationExample()
	defer end()
	org.AssignDevices(lab, "ZZ9PLURALA2")

	// Without a deadline, what is not assigned would be looked at for two minutes.
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	outcomes, err := client.VerifyAssigned(ctx, lab, []string{"ZZ9PLURALA2", "ZZ9PLURALA3"})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range outcomes {
		fmt.Println(o)
	}
	// Output:
	// ZZ9PLURALA2: done
	// ZZ9PLURALA3: done but not confirmed
}

// A log that somebody has downloaded in the portal.
func ExampleParseActivityLog() {
	activity, err := axm.ParseActivityLog([]byte(`OPERATION,ASSIGN_DEVICES
ACTIVITY_ID,7c9e6679-0000-4000-8000-000000000001

serial_number,operation_status,operation_substatus,timestamp
ZZ9PLURALA1,SUCCESS,UPDATED,2026-09-01T10:00:09.000Z
ZZ9PLURALA2,ISSUE,OPERATION_NOT_ALLOWED,2026-09-01T10:00:09.000Z
`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(activity.Value("OPERATION"))
	for _, device := range activity.Devices() {
		fmt.Println(device.SerialNumber, device.Succeeded(), device.SubStatus)
	}
	// Output:
	// ASSIGN_DEVICES
	// ZZ9PLURALA1 true UPDATED
	// ZZ9PLURALA2 false OPERATION_NOT_ALLOWED
}
