/**
 * What a broker is configured to do, at this moment.
 *
 * 1. A name is looked up where it was set for this broker at run time, where it was set for all brokers at run time, in what the broker
 *    was started with, and in the table; a synonym counts only after the name itself, in the same order.
 * 2. What was once accepted is always readable: no text is kept that its entry refuses.
 * 3. Listeners hear of a change after `get` answers it.
 */
import { nearestName, type Cancel } from '@millrace/core'
import { logError } from '../../errors.ts'
import {
  brokerConfigDefinition,
  brokerConfigs,
  brokerSynonyms,
  type BrokerConfigDefinition,
  type BrokerConfigName,
} from './broker-configs.ts'
import { parseConfig, type AnyConfigValue, type ConfigDefinition, type ConfigValue } from './definition.ts'

export type ConfigTexts = Readonly<Record<string, string>>

/** Set while brokers run: for this one, and for all. */
export interface DynamicConfigs {
  readonly broker: ConfigTexts
  readonly cluster: ConfigTexts
}

export type ConfigListener = (changed: ReadonlySet<string>) => void

/** As DescribeConfigs numbers them. */
export const CONFIG_SOURCE = {
  topic: 1,
  dynamicBroker: 2,
  dynamicDefault: 3,
  static: 4,
  default: 5,
  brokerLogger: 6,
  clientMetrics: 7,
  group: 8,
} as const

export interface ConfigSynonym {
  readonly name: string
  readonly value: string
  readonly source: number
}

export class BrokerConfig {
  #static: ConfigTexts
  #dynamic: DynamicConfigs = { broker: {}, cluster: {} }
  readonly #values = new Map<string, AnyConfigValue | undefined>()
  readonly #listeners = new Set<ConfigListener>()

  /** @throws BROKER_CONFIG_UNKNOWN, BROKER_CONFIG_INVALID */
  constructor(texts: ConfigTexts = {}) {
    for (const [name, text] of Object.entries(texts)) {
      const problem = brokerConfigProblem(name, text)
      if (problem !== undefined) throw logError(problem.isUnknown ? 'BROKER_CONFIG_UNKNOWN' : 'BROKER_CONFIG_INVALID', problem)
    }
    this.#static = { ...texts }
  }

  /** What the broker finds out as it starts, whatever was set. */
  settle(texts: ConfigTexts): void {
    this.#static = { ...this.#static, ...texts }
    this.#values.clear()
  }

  /** What holds now. @param prefix `listener.name.<name in lower case>.`, and a mechanism after it: what is set for it comes first */
  get<N extends BrokerConfigName>(name: N, prefix = ''): ConfigValue<BrokerConfigDefinition<N>> {
    const key = prefix + name
    if (!this.#values.has(key)) this.#values.set(key, this.#look(name, prefix))
    return this.#values.get(key) as ConfigValue<BrokerConfigDefinition<N>>
  }

  /** What is set for the listener itself; undefined where that is nothing. */
  ownOf<N extends BrokerConfigName>(name: N, prefix: string): ConfigValue<BrokerConfigDefinition<N>> | undefined {
    return this.#settings(prefix + name).length === 0 ? undefined : this.get(name, prefix)
  }

  /** Whether anybody has set it, or what it is a synonym of. */
  isSet(name: BrokerConfigName): boolean {
    return this.synonyms(name).some(({ source }) => source !== CONFIG_SOURCE.default)
  }

  /** Everything that sets this, in the order in which it counts. */
  synonyms(name: string): ConfigSynonym[] {
    return brokerSynonyms(name).flatMap((each) => this.#settings(each))
  }

  /** Names that were set without being in the table as such: for one listener. */
  prefixedNames(): string[] {
    const names = [this.#static, this.#dynamic.broker, this.#dynamic.cluster].flatMap((texts) => Object.keys(texts))
    return [...new Set(names.filter((name) => !Object.hasOwn(brokerConfigs, name)))]
  }

  get dynamic(): DynamicConfigs {
    return this.#dynamic
  }

  /** Replaces what was set at run time; what the table refuses, or knows no longer, is left out. */
  setDynamic({ broker, cluster }: DynamicConfigs): void {
    const before = this.#dynamic
    this.#dynamic = { broker: accepted(broker), cluster: accepted(cluster) }
    this.#values.clear()
    const names = [before, this.#dynamic].flatMap((each) => [...Object.keys(each.broker), ...Object.keys(each.cluster)])
    const changed = new Set(
      names.filter((name) => before.broker[name] !== this.#dynamic.broker[name] || before.cluster[name] !== this.#dynamic.cluster[name]),
    )
    if (changed.size === 0) return
    for (const listener of this.#listeners) listener(changed)
  }

  onChange(listener: ConfigListener): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #settings(name: string): ConfigSynonym[] {
    const found: ConfigSynonym[] = []
    const add = (value: string | null | undefined, source: number): void => {
      if (value !== undefined && value !== null) found.push({ name, value, source })
    }
    add(this.#dynamic.broker[name], CONFIG_SOURCE.dynamicBroker)
    add(this.#dynamic.cluster[name], CONFIG_SOURCE.dynamicDefault)
    add(this.#static[name], CONFIG_SOURCE.static)
    if (Object.hasOwn(brokerConfigs, name)) add(brokerConfigs[name]!.default, CONFIG_SOURCE.default)
    return found
  }

  #look(name: BrokerConfigName, prefix: string): AnyConfigValue | undefined {
    if (prefix !== '') {
      const [specific] = this.#settings(prefix + name)
      // What is set for a mechanism of a listener, for the listener, for all.
      if (specific === undefined) return this.get(name, shorter(prefix))
      return valueOf(specific)
    }
    const definition: ConfigDefinition = brokerConfigs[name]
    const all = this.synonyms(name)
    // A default never stands in front of what was set under another name.
    const first = all.find(({ source }) => source !== CONFIG_SOURCE.default) ?? all[0]
    if (first === undefined) return undefined
    const value = valueOf(first)
    const factor = definition.synonyms?.[first.name] ?? 1
    if (definition.type === 'list' && !Array.isArray(value)) return [String(value)]
    return typeof value === 'number' && value > 0 ? Math.min(value * factor, Number.MAX_SAFE_INTEGER) : value
  }
}

function shorter(prefix: string): string {
  const parts = prefix.slice(0, -1).split('.')
  return parts.length <= 3 ? '' : `${parts.slice(0, 3).join('.')}.`
}

function valueOf({ name, value }: ConfigSynonym): AnyConfigValue | undefined {
  const parsed = parseConfig(brokerConfigDefinition(name)!, value)
  return 'value' in parsed ? parsed.value : undefined
}

function accepted(texts: ConfigTexts): ConfigTexts {
  return Object.fromEntries(Object.entries(texts).filter(([name, text]) => brokerConfigProblem(name, text) === undefined))
}

export interface ConfigProblem {
  readonly [detail: string]: string | boolean
  readonly name: string
  readonly problem: string
  readonly isUnknown: boolean
}

/** What is wrong with setting this name to this text; undefined if nothing. */
export function brokerConfigProblem(name: string, text: string): ConfigProblem | undefined {
  const definition = brokerConfigDefinition(name)
  if (definition === undefined) {
    return { name, problem: unknownName(name, Object.keys(brokerConfigs)), isUnknown: true }
  }
  const parsed = parseConfig(definition, text)
  if ('value' in parsed) return undefined
  const shown = definition.type === 'password' ? '[hidden]' : text
  return { name, problem: `'${shown}' is refused: ${parsed.problem}`, isUnknown: false }
}

export function unknownName(name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names)
  return nearest === undefined ? 'it is not known' : `it is not known; did you mean ${nearest}?`
}
