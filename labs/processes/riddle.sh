#!/bin/sh
# riddle: says nothing, and ends with a status that is another one for everybody.
exit "$(cat /var/riddle)"
