/** Options of the commands about the log, beside those of the engine: the same four places, the same rules. */
export const logOptionTable = {
  'broker.dir': {
    type: 'path',
    default: './millrace-log',
    flag: 'dir',
    documentation:
      'The folder in which the broker keeps its log; made if it is missing. Several (repeat the flag, or separate them by commas): partitions are spread over them, and one that fails takes no other with it.',
  },
  'broker.host': {
    type: 'string',
    default: '127.0.0.1',
    flag: 'host',
    documentation: 'Where the broker listens. Only this machine reaches the default.',
  },
  'broker.port': {
    type: 'integer',
    default: 9092,
    min: 0,
    max: 65_535,
    flag: 'port',
    documentation: 'Where the broker listens; 0 takes any free port.',
  },
  'broker.advertisedHost': {
    type: 'string',
    flag: 'advertised-host',
    whenUnset: 'the host it listens on',
    documentation: 'The host that clients are told to connect to.',
  },
  'broker.durable': {
    type: 'boolean',
    default: false,
    flag: 'durable',
    documentation: 'Whether records are synced to the disk before they are acknowledged.',
  },
  'broker.metricsPort': {
    type: 'integer',
    min: 0,
    max: 65_535,
    flag: 'broker-metrics-port',
    whenUnset: 'not served',
    documentation: 'Serve the metrics of the broker for Prometheus.',
  },
  'client.bootstrap': {
    type: 'string',
    default: '127.0.0.1:9092',
    flag: 'bootstrap',
    shortFlag: 'b',
    documentation: 'Brokers to begin with, separated by commas.',
  },
} as const

export type LogOptionTable = typeof logOptionTable
