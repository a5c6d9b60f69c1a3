#!/bin/sh
# mule: does not go when it is asked to.
trap 'echo "got TERM, and stays" >> "$HOME/mule.log"' TERM
while true; do
  sleep 1
done
