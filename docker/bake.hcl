# The image for both architectures, from the repository's root:
#   docker buildx bake --file docker/bake.hcl --push      with IMAGE=registry.example/tallyd and TAG set
#   docker buildx bake --file docker/bake.hcl local       for this machine alone, into its Docker

variable "IMAGE" {
  default = "tallyd"
}

variable "TAG" {
  default = "0.1.0"
}

group "default" {
  targets = ["tallyd"]
}

target "_image" {
  context    = "."
  dockerfile = "docker/Dockerfile"
  tags       = ["${IMAGE}:${TAG}"]
  labels = {
    "org.opencontainers.image.title"    = "tallyd"
    "org.opencontainers.image.version"  = "${TAG}"
    "org.opencontainers.image.licenses" = "Apache-2.0"
  }
}

target "tallyd" {
  inherits  = ["_image"]
  platforms = ["linux/amd64", "linux/arm64"]
}

target "local" {
  inherits = ["_image"]
  output   = ["type=docker"]
}
