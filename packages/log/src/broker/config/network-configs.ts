/** Configurations of listeners and connections. */
export const networkConfigs = {
  listeners: {
    type: 'string',
    default: 'PLAINTEXT://127.0.0.1:0',
    documentation: 'Where the broker listens: NAME://host:port, separated by commas. Port 0 takes any that is free.',
  },
  'advertised.listeners': {
    type: 'string',
    default: null,
    documentation: 'Where clients are told to connect, by the names of the listeners; what is not named is told as it listens.',
    synonyms: { listeners: 1 },
  },
  'listener.security.protocol.map': {
    type: 'string',
    default: 'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    documentation: 'Which protocol each listener speaks: NAME:PROTOCOL, separated by commas.',
  },
  'socket.request.max.bytes': {
    type: 'int',
    default: '104857600',
    min: 1,
    documentation: 'Bytes of one request; a larger one ends its connection.',
  },
  'max.connections': {
    type: 'int',
    default: '2147483647',
    min: 0,
    scope: 'cluster-wide',
    documentation: 'Connections at a time; the next ones wait. Also for one listener, as listener.name.<name>.max.connections.',
  },
  'max.connection.creation.rate': {
    type: 'int',
    default: '2147483647',
    min: 0,
    scope: 'cluster-wide',
    documentation:
      'Connections that are taken in a second; more than these wait. Also for one listener, as listener.name.<name>.max.connection.creation.rate.',
  },
  'socket.listen.backlog.size': {
    type: 'int',
    default: '50',
    min: 1,
    documentation:
      'Connections that wait, accepted but unread, where max.connections or max.connection.creation.rate is reached. Further ones are closed.',
  },
  'max.connections.per.ip': {
    type: 'int',
    default: '2147483647',
    min: 0,
    scope: 'cluster-wide',
    documentation: 'Connections at a time from one address.',
  },
  'max.connections.per.ip.overrides': {
    type: 'string',
    default: '',
    scope: 'cluster-wide',
    documentation: 'Exceptions of max.connections.per.ip: address:number, separated by commas.',
  },
  'connections.max.idle.ms': { type: 'long', default: '600000', documentation: 'A connection that is silent for longer is closed.' },
  // Kafka has no limit here, but its heap is one: 1 GiB, as its own script starts it. What ours keeps of requests is outside of the heap, where
  // nothing would end it before the machine does. A gigabyte is ten requests of the largest size, and thousands of what clients send.
  'queued.max.request.bytes': {
    type: 'long',
    default: '1073741824',
    documentation: 'Bytes of requests under way; above it nothing is read from any connection. -1: no limit. Kafka has none by default.',
  },
  'fetch.max.bytes': {
    type: 'int',
    default: '57671680',
    min: 1024,
    documentation: 'Bytes of records in one answer, but for a first batch that is larger.',
  },
  'max.incremental.fetch.session.cache.slots': { type: 'int', default: '1000', min: 0, documentation: 'Fetch sessions kept at a time.' },
} as const
