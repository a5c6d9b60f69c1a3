#!/bin/sh
# ticker: does next to nothing, once a second.
while true; do
  sleep 1
done
