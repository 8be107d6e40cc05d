#!/bin/sh
# What the command line promises: help, usage errors, exit statuses.
. "$(dirname "$0")/lib.sh"

run 2 "no command is a usage error"
run 0 "--help works" --help
out_has "help lists the commands" "classify"
run 0 "--version works" --version
out_has "version names the program" "^bearcascade [0-9]"
run 2 "an unknown command is a usage error" frobnicate
err_has "and is named" "frobnicate"

for c in train classify evaluate inspect bench; do
    run 0 "$c --help works" "$c" --help
    out_has "$c --help shows usage" "usage: bearcascade $c"
    run 2 "$c with an unknown option is a usage error" "$c" --no-such-option x
    err_has "$c names the unknown option" "no-such-option"
done

run 2 "a near miss is suggested" train data --out "$tmp/r" --epoch 3
err_has "by name" "did you mean '--epochs'"
run 2 "a number is checked" train data --out "$tmp/r" --epochs many
err_has "and the option is named" "'--epochs' wants a whole number"
run 2 "a range is checked" train data --out "$tmp/r" --min-recall 2
run 2 "test-time augmentation are checked" train data --out "$tmp/r" \
    --gate-tta 128,160m
run 2 "and those of the species net" train data --out "$tmp/r" \
    --species-tta 128m
run 2 "a choice is checked" classify --model m --format xml p
err_has "and the choices are named" "text|jsonl|csv|megadetector"
run 2 "a share is checked" train data --out "$tmp/r" --infrared 1.5
run 2 "a step of the views is checked" train data --out "$tmp/r" --augment-without hue
run 2 "train needs --out" train data
run 2 "classify needs --model" classify photo.jpg
run 2 "train needs one operand" train --out "$tmp/r"
run 2 "too many operands" train a b --out "$tmp/r"

run 1 "a missing data folder fails" train "$tmp/none" --out "$tmp/r"
err_has "and is named" "$tmp/none"
run 2 "nothing to resume is a usage error" train data --out "$tmp/q" --resume
run 1 "a missing model fails" classify --model "$tmp/none.safetensors" p.jpg
err_has "and is named" "none.safetensors"
printf 'not a model' >"$tmp/bad.safetensors"
run 1 "a damaged model fails" classify --model "$tmp/bad.safetensors" p.jpg
err_has "and is named" "bad.safetensors"
one_error_line "in one line" 1

finish
