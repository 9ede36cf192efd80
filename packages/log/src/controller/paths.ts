/** Where brokers and controllers keep what they share: Kafka's own places. */
export const BROKER_IDS = '/brokers/ids'
export const TOPICS = '/brokers/topics'
export const DELETIONS = '/admin/delete_topics'
export const CONFIGS = '/config'
export const CONTROLLER = '/controller'
export const CONTROLLER_EPOCH = '/controller_epoch'
export const PRODUCER_ID_BLOCK = '/latest_producer_id_block'

/** Nodes without contents that everything else stands under. */
export const ROOTS: readonly string[] = [
  '/brokers',
  BROKER_IDS,
  TOPICS,
  '/admin',
  DELETIONS,
  CONFIGS,
  '/config/topics',
  '/config/brokers',
  '/config/groups',
  '/config/users',
  '/config/clients',
  '/config/ips',
]

export const brokerPath = (id: number): string => `${BROKER_IDS}/${id}`
export const topicPath = (topic: string): string => `${TOPICS}/${topic}`
export const partitionsPath = (topic: string): string => `${topicPath(topic)}/partitions`
export const partitionPath = (topic: string, partition: number): string => `${partitionsPath(topic)}/${partition}`
export const partitionStatePath = (topic: string, partition: number): string => `${partitionPath(topic, partition)}/state`
export const deletionPath = (topic: string): string => `${DELETIONS}/${topic}`
export const configPath = (kind: ConfigKind, name: string): string => `${CONFIGS}/${kind}/${name}`

/** What has configurations that are set at run time. */
export type ConfigKind = 'topics' | 'brokers' | 'groups'
