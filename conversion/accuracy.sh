#!/usr/bin/env bash
# Builds the files whose accuracy docs/accuracy.md reports, from the weights that ship, and scores them (but for the
# ablations). An interrupted run is resumed when the command is given again.
#
#   bash conversion/accuracy.sh PHOTOS BACKBONE.safetensors CIFAR_TRAIN CIFAR_TEST OUT
#
# PHOTOS      photos named by ImageNet class index (0000.webp, …); 40 % are scored (half of them under the 75 settings of
#             ImageNet-C), the others calibrate int8
# BACKBONE    weights of MobileNetV2 (mobilenetv2_100_tf)
# CIFAR_*     CIFAR-10, one folder per class
set -euo pipefail
if [ $# != 5 ]; then
  sed -n 's/^#   bash/usage: bash/p' "$0" >&2
  exit 2
fi
photos=$1 backbone=$2 train=$3 test=$4 out=$5
robust() { python -m mobile_robust "$@"; }
split=(--holdout 0.4) # of the trainings
scored=(--images "$photos" "${split[@]}")
cifar=(--images "$test" --labels folders --holdout 0.1)

robust convert afd_mobilenetv2_pipeline sympie_mobilenetv2_pipeline --backbone-weights "$backbone" \
  --calibration "$photos" "${split[@]}" --out "$out/build"
robust convert film_mobilenetv2_pipeline film_afd_mobilenetv2_pipeline --calibration "$photos" "${split[@]}" --out "$out/build"
robust convert deepcorrect_cifar10_resnet20 deepcorrect_cifar10_resnet20_blur --calibration "$train" --out "$out/build"

# The fp32 and int8 files of a recipe.
files() { printf '%s\n' "$out/build/$1/$1"_{fp32,int8}.tflite; }
mapfile -t afd < <(files afd_mobilenetv2_pipeline)
mapfile -t film < <(files film_mobilenetv2_pipeline)
mapfile -t both < <(files film_afd_mobilenetv2_pipeline)
mapfile -t sympie < <(files sympie_mobilenetv2_pipeline)
mapfile -t noise < <(files deepcorrect_cifar10_resnet20)
mapfile -t blur < <(files deepcorrect_cifar10_resnet20_blur)

robust evaluate "$out/build/afd_mobilenetv2_pipeline" "${scored[@]}" --corruption jpeg:10 --out "$out/scores/afd_all_files"
robust evaluate "${afd[@]}" "${scored[@]}" --corruption jpeg jpeg_repeated avif --out "$out/scores/afd"
robust evaluate "${film[@]}" "${scored[@]}" --corruption jpeg --out "$out/scores/film"
robust evaluate "${both[@]}" "${scored[@]}" --corruption jpeg jpeg_repeated avif webp --out "$out/scores/film_afd"
robust evaluate "${sympie[@]}" --images "$photos" --holdout 0.2 --corruption imagenet_c --out "$out/scores/sympie"
robust evaluate "${noise[@]}" "${cifar[@]}" --corruption awgn --out "$out/scores/deepcorrect_noise"
robust evaluate "${blur[@]}" "${cifar[@]}" --corruption gaussian_blur --out "$out/scores/deepcorrect_blur"
