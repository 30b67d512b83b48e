// Roles are Buildbarn's own here: certificates say who it is (a URI in them), authorizers what that one may do in which namespace.
{
  "grpcServers": [
    {
      "listenAddresses": [
        ":8980",
        ":8981"
      ],
      "tls": {
        "serverKeyPair": {
          "files": {
            "certificatePath": "/etc/lkbuild-cache/server.pem",
            "privateKeyPath": "/etc/lkbuild-cache/server.key",
            "refreshInterval": "3600s"
          }
        }
      },
      "authenticationPolicy": {
        "tlsClientCertificate": {
          "clientCertificateAuthorities": importstr "/etc/lkbuild-cache/ca.pem",
          "validationJmespathExpression": {
            "expression": "length(uris) == `1`"
          },
          "metadataExtractionJmespathExpression": {
            "expression": "{public: {client: uris[0]}}"
          }
        }
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
      "demultiplexing": {
        "instanceNamePrefixes": {
          "main": {
            "backend": {
              "sharding": {
                "shards": {
                  "0": {
                    "backend": {
                      "grpc": {
                        "client": {
                          "address": "storage-main-0:8981"
                        }
                      }
                    },
                    "weight": 1
                  },
                  "1": {
                    "backend": {
                      "grpc": {
                        "client": {
                          "address": "storage-main-1:8981"
                        }
                      }
                    },
                    "weight": 1
                  }
                }
              }
            }
          },
          "partner/arm": {
            "backend": {
              "grpc": {
                "client": {
                  "address": "storage-partner-arm:8981"
                }
              }
            }
          }
        }
      }
    },
    "getAuthorizer": {
      "jmespathExpression": {
        "expression": "(instanceName == 'main' && contains(`[\"urn:lkbuild:client:ci\", \"urn:lkbuild:client:team\"]`, authenticationMetadata.public.client)) || (instanceName == 'partner/arm' && contains(`[\"urn:lkbuild:client:ci\", \"urn:lkbuild:client:partner-arm\"]`, authenticationMetadata.public.client))"
      }
    },
    "putAuthorizer": {
      "jmespathExpression": {
        "expression": "(instanceName == 'main' && contains(`[\"urn:lkbuild:client:ci\"]`, authenticationMetadata.public.client)) || (instanceName == 'partner/arm' && contains(`[\"urn:lkbuild:client:ci\"]`, authenticationMetadata.public.client))"
      }
    },
    "findMissingAuthorizer": {
      "jmespathExpression": {
        "expression": "(instanceName == 'main' && contains(`[\"urn:lkbuild:client:ci\", \"urn:lkbuild:client:team\"]`, authenticationMetadata.public.client)) || (instanceName == 'partner/arm' && contains(`[\"urn:lkbuild:client:ci\", \"urn:lkbuild:client:partner-arm\"]`, authenticationMetadata.public.client))"
      }
    }
  },
  "actionCache": {
    "backend": {
      "completenessChecking": {
        "backend": {
          "demultiplexing": {
            "instanceNamePrefixes": {
              "main": {
                "backend": {
                  "sharding": {
                    "shards": {
                      "0": {
                        "backend": {
                          "grpc": {
                            "client": {
                              "address": "storage-main-0:8981"
                            }
                          }
                        },
                        "weight": 1
                      },
                      "1": {
                        "backend": {
                          "grpc": {
                            "client": {
                              "address": "storage-main-1:8981"
                            }
                          }
                        },
                        "weight": 1
                      }
                    }
                  }
                }
              },
              "partner/arm": {
                "backend": {
                  "grpc": {
                    "client": {
                      "address": "storage-partner-arm:8981"
                    }
                  }
                }
              }
            }
          }
        },
        "maximumTotalTreeSizeBytes": 67108864
      }
    },
    "getAuthorizer": {
      "jmespathExpression": {
        "expression": "(instanceName == 'main' && contains(`[\"urn:lkbuild:client:ci\", \"urn:lkbuild:client:team\"]`, authenticationMetadata.public.client)) || (instanceName == 'partner/arm' && contains(`[\"urn:lkbuild:client:ci\", \"urn:lkbuild:client:partner-arm\"]`, authenticationMetadata.public.client))"
      }
    },
    "putAuthorizer": {
      "jmespathExpression": {
        "expression": "(instanceName == 'main' && contains(`[\"urn:lkbuild:client:ci\"]`, authenticationMetadata.public.client)) || (instanceName == 'partner/arm' && contains(`[\"urn:lkbuild:client:ci\"]`, authenticationMetadata.public.client))"
      }
    }
  },
  "executeAuthorizer": {
    "deny": {}
  }
}
