#!/bin/sh
# models/joint.sh - images and thumbnails as one data set.
#
#     sh models/joint.sh TINY_IMAGENET BEARS WORK
#
# Unpacks the thumbnails into WORK/thumbs and writes two manifests into WORK:
#   joint.csv   train: every training image 4 times, field images of bears 16
#               times, and 100 thumbnails of each class; valid: the photos'
#   thumbs.csv  valid: the validation thumbnails
# Tiny ImageNet's brown bears count as grizzly and its teddies as teddy; each of
# its other classes is a negative family. A gate that saw sharp bears and
# blurred negatives alone would learn to tell sharp from blurred. Field images
# are few and the ones that count, and where nearly all images of trail cameras
# are negatives the camera itself becomes a sign.
set -eu
[ $# -eq 3 ] || {
    echo "usage: sh models/joint.sh TINY_IMAGENET BEARS WORK" >&2
    exit 2
}
tiny=$1 bears=$(cd "$2" && pwd) work=$3
per_class=100 times=4 field_times=16

for part in train valid; do
    [ ! -d "$work/thumbs/$part" ] || continue
    rm -rf "$work/thumbs/$part.new"
    mkdir -p "$work/thumbs/$part.new"
    for shard in "$tiny/$part"*.tar.gz; do
        tar -xzf "$shard" -C "$work/thumbs/$part.new"
    done
    mv "$work/thumbs/$part.new" "$work/thumbs/$part"
done

# rows SPLIT N: the first N thumbnails of each class, by name.
rows() {
    (cd "$work" && find "thumbs/$1" -type f) | LC_ALL=C sort |
        awk -F/ -v OFS=, -v split_name="$1" -v most="$2" '
        n[$3]++ < most {
            label = $3 == "n02132136" ? "grizzly" : $3 == "n04399382" ? "teddy" : ""
            print $0, label, split_name, (label == "" ? $3 : "")
        }'
}
# images SPLIT TIMES FIELD_TIMES: class folders, and families below "negative".
photos() {
    (cd "$bears" && find "$1" -type f) | LC_ALL=C sort |
        awk -F/ -v OFS=, -v root="$bears" -v times="$2" -v field_times="$3" '
        { label = $2 == "negative" ? "" : $2
          n = $NF ~ /^field-/ ? field_times : times
          for (i = 0; i < n; i++)
              print root "/" $0, label, $1, (label == "" && NF > 3 ? $3 : "") }'
}

echo file,label,split,family >"$work/thumbs.csv"
rows valid 1000000 >>"$work/thumbs.csv"
echo file,label,split,family >"$work/joint.csv"
{
    rows train $per_class
    photos valid 1 1
    photos train $times $field_times
} >>"$work/joint.csv"
