// A node of storage: a ring of 250 GiB that is overwritten from its oldest end; what is read there is copied forward. Only the frontend reaches it.
{
  "grpcServers": [
    {
      "listenAddresses": [
        ":8981"
      ],
      "authenticationPolicy": {
        "allow": {}
      }
    }
  ],
  "maximumMessageSizeBytes": 16777216,
  "global": {
    "diagnosticsHttpServer": {
      "httpServers": [
        {
          "listenAddresses": [
            ":9980"
          ],
          "authenticationPolicy": {
            "allow": {}
          }
        }
      ],
      "enablePrometheus": true
    }
  },
  "contentAddressableStorage": {
    "backend": {
      "local": {
        "keyLocationMapOnBlockDevice": {
          "file": {
            "path": "/storage/cas/key_location_map",
            "sizeBytes": 4294967296
          }
        },
        "keyLocationMapMaximumGetAttempts": 8,
        "keyLocationMapMaximumPutAttempts": 32,
        "oldBlocks": 8,
        "currentBlocks": 24,
        "newBlocks": 3,
        "blocksOnBlockDevice": {
          "source": {
            "file": {
              "path": "/storage/cas/blocks",
              "sizeBytes": 268435456000
            }
          },
          "spareBlocks": 3
        },
        "persistent": {
          "stateDirectoryPath": "/storage/cas/persistent_state",
          "minimumEpochInterval": "300s"
        }
      }
    },
    "getAuthorizer": {
      "allow": {}
    },
    "putAuthorizer": {
      "allow": {}
    },
    "findMissingAuthorizer": {
      "allow": {}
    }
  },
  "actionCache": {
    "backend": {
      "local": {
        "keyLocationMapOnBlockDevice": {
          "file": {
            "path": "/storage/ac/key_location_map",
            "sizeBytes": 67108864
          }
        },
        "keyLocationMapMaximumGetAttempts": 8,
        "keyLocationMapMaximumPutAttempts": 32,
        "oldBlocks": 8,
        "currentBlocks": 24,
        "newBlocks": 1,
        "blocksOnBlockDevice": {
          "source": {
            "file": {
              "path": "/storage/ac/blocks",
              "sizeBytes": 4294967296
            }
          },
          "spareBlocks": 3
        },
        "persistent": {
          "stateDirectoryPath": "/storage/ac/persistent_state",
          "minimumEpochInterval": "300s"
        }
      }
    },
    "getAuthorizer": {
      "allow": {}
    },
    "putAuthorizer": {
      "allow": {}
    }
  }
}
