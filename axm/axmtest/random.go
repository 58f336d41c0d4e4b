package axmtest

import (
	"fmt"
	"math/rand/v2"
)

// randomDevice makes the n-th random device: the same one in each run, so that examples can show
// it.
func randomDevice(n int) Device {
	rng := rand.New(rand.NewPCG(uint64(n), 0x41706c65))
	models := []Device{
		{DeviceModel: "iPhone 17", ProductFamily: "iPhone", ProductType: "iPhone18,3", DeviceCapacity: "256GB"},
		{DeviceModel: "iPad (A16)", ProductFamily: "iPad", ProductType: "iPad15,7", DeviceCapacity: "128GB"},
		{DeviceModel: "MacBook Air (13-inch, M4, 2025)", ProductFamily: "Mac", ProductType: "Mac16,12", DeviceCapacity: "256GB"},
		{DeviceModel: "Apple TV 4K (3rd generation)", ProductFamily: "AppleTV", ProductType: "AppleTV14,1", DeviceCapacity: "64GB"},
	}
	d := models[n%len(models)]
	d.SerialNumber = randomSerial(rng)
	d.Color = []string{"BLACK", "SILVER", "SPACE GRAY", "WHITE"}[rng.IntN(4)]
	d.WiFiMAC, d.BluetoothMAC = randomMAC(rng), randomMAC(rng)
	d.OrderNumber = randomDigits(rng, "44", 7)
	d.PurchaseSourceID = randomDigits(rng, "1", 6)
	switch d.ProductFamily {
	case "iPhone":
		d.IMEI = []string{randomDigits(rng, "35", 15), randomDigits(rng, "35", 15)}
		d.MEID = []string{d.IMEI[0][:14]}
		d.EID = randomDigits(rng, "89049032", 32)
	case "Mac", "AppleTV":
		d.EthernetMAC = []string{randomMAC(rng)}
	}
	return d
}

// randomSerial is ten characters without vowels, as newer serial numbers are.
func randomSerial(rng *rand.Rand) string {
	const alphabet = "0123456789BCDFGHJKLMNPQRTVWXYZ"
	b := make([]byte, 10)
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
	}
	b[0] = alphabet[10+rng.IntN(20)] // a letter first: never only digits
	return string(b)
}

// randomMAC is a locally administered address: it belongs to no maker.
func randomMAC(rng *rand.Rand) string {
	return fmt.Sprintf("0200%02X%02X%02X%02X", rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(256))
}

func randomDigits(rng *rand.Rand, prefix string, length int) string {
	b := append(make([]byte, 0, length), prefix...)
	for len(b) < length {
		b = append(b, byte('0'+rng.IntN(10)))
	}
	return string(b)
}
