// Command orders is the Lambda behind POST /api/orders and DELETE /api/orders/{orderId}.
package main

import "boxoffice/producers/internal/boot"

func main() { boot.Main("orders", wire) }
