// Command connections is the Lambda behind GET /api/push and the WebSocket API.
package main

import "boxoffice/producers/internal/boot"

func main() { boot.MainWithSockets("connections", wire) }
