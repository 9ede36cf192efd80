/** Configurations of the broker and its topics as a whole. */
export const generalConfigs = {
  'node.id': {
    type: 'int',
    default: '1',
    min: 0,
    documentation: 'The number of this broker. Its log directories belong to it for ever.',
    synonyms: { 'broker.id': 1 },
  },
  'broker.id': { type: 'int', default: '-1', documentation: 'The older name of node.id.' },
  'broker.rack': { type: 'string', default: null, documentation: 'Where the broker stands; told to clients.' },
  'log.dirs': {
    type: 'list',
    default: null,
    documentation:
      'The log directories, separated by commas, where the broker is not told of them otherwise (--dir, Log.start({ dir })). A new partition goes where there are the fewest.',
    synonyms: { 'log.dir': 1 },
  },
  'log.dir': { type: 'string', default: null, documentation: 'The older name of log.dirs.' },
  'auto.create.topics.enable': {
    type: 'boolean',
    default: 'true',
    documentation: 'Whether a topic is made when a client that allows it first asks for it.',
  },
  'num.partitions': { type: 'int', default: '1', min: 1, documentation: 'Partitions of a topic that is made without a number.' },
  'default.replication.factor': { type: 'int', default: '1', min: 1, documentation: 'Replicas of a topic that is made without a number.' },
  'delete.topic.enable': { type: 'boolean', default: 'true', documentation: 'Whether topics can be deleted.' },
  'max.request.partition.size.limit': {
    type: 'int',
    default: '2000',
    min: 1,
    documentation: 'Partitions in one answer that describes topics; the rest is asked for from where it ended.',
  },
} as const
