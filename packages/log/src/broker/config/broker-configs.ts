/** All configurations of a broker, by Kafka's names. */
import type { ConfigDefinition, ConfigTable } from './definition.ts'
import { generalConfigs } from './general-configs.ts'
import { groupConfigs } from './group-configs.ts'
import { logConfigs } from './log-configs.ts'
import { networkConfigs } from './network-configs.ts'
import { securityConfigs } from './security-configs.ts'
import { transactionConfigs } from './transaction-configs.ts'

type BrokerConfigs = typeof generalConfigs &
  typeof networkConfigs &
  typeof logConfigs &
  typeof groupConfigs &
  typeof transactionConfigs &
  typeof securityConfigs

export const brokerConfigs: BrokerConfigs & ConfigTable = {
  ...generalConfigs,
  ...networkConfigs,
  ...logConfigs,
  ...groupConfigs,
  ...transactionConfigs,
  ...securityConfigs,
}

export type BrokerConfigName = keyof BrokerConfigs

/** Its type and default as they stand in the table. */
export type BrokerConfigDefinition<N extends BrokerConfigName> = BrokerConfigs[N]

/** A setting for one listener, and for one mechanism of it: `listener.name.internal.ssl.keystore.location`. */
const PREFIXED = /^listener\.name\.[^.]+\.(?:[a-z0-9-]+\.(?=sasl\.jaas\.config$|connections\.max\.reauth\.ms$|sasl\.))?(.+)$/

/** The entry of a name, also where the name is that of one listener; undefined for one that is not known. */
export function brokerConfigDefinition(name: string): ConfigDefinition | undefined {
  if (Object.hasOwn(brokerConfigs, name)) return brokerConfigs[name]
  const general = PREFIXED.exec(name)?.[1]
  if (general === undefined || !/^(ssl|sasl|connections|principal)|^max\.connection(s|\.creation\.rate)$/.test(general)) return undefined
  return Object.hasOwn(brokerConfigs, general) ? brokerConfigs[general] : undefined
}

/** The name itself and those that set the same, in the order in which they count. */
export function brokerSynonyms(name: string): readonly string[] {
  return [name, ...Object.keys(brokerConfigDefinition(name)?.synonyms ?? {})]
}
