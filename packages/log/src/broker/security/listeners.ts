/** `listeners`, `advertised.listeners` and `listener.security.protocol.map`, read together. */
import { logError } from '../../errors.ts'

export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface ListenerSettings extends Endpoint {
  /** In capitals, as clients and configurations know it. */
  readonly name: string
  readonly protocol: SecurityProtocol
  /** Where clients are told to connect; the port is that of the listener where it is 0. */
  readonly advertised: Endpoint
}

export interface ListenerTexts {
  readonly listeners: string
  readonly advertised: string | undefined
  readonly protocolMap: string
}

const PROTOCOLS: readonly string[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']
const ENDPOINT = /^([A-Za-z0-9_.-]+):\/\/(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]]*)):(\d{1,5})$/
const EVERY_INTERFACE: readonly string[] = ['', '0.0.0.0', '::']

/** What configurations of one listener begin with. */
export function listenerPrefix(name: string): string {
  return `listener.name.${name.toLowerCase()}.`
}

/** @throws SECURITY_CONFIG */
export function listenerSettings({ listeners, advertised, protocolMap }: ListenerTexts): readonly ListenerSettings[] {
  const protocols = protocolsOf(protocolMap)
  const told = advertised === undefined ? new Map<string, Endpoint>() : endpointsOf('advertised.listeners', advertised)
  const settings = [...endpointsOf('listeners', listeners)].map(([name, { host, port }]): ListenerSettings => {
    const protocol = protocols.get(name)
    if (protocol === undefined) throw invalid('listener.security.protocol.map', `it has no protocol for the listener ${name}`)
    const everywhere = EVERY_INTERFACE.includes(host)
    const own = { host: everywhere ? 'localhost' : host, port }
    return { name, protocol, host: host === '' ? '0.0.0.0' : host, port, advertised: told.get(name) ?? own }
  })
  if (settings.length === 0) throw invalid('listeners', 'there is none')
  const unknown = [...told.keys()].find((name) => !settings.some((each) => each.name === name))
  if (unknown !== undefined) throw invalid('advertised.listeners', `there is no listener ${unknown}`)
  const unreachable = [...told.values()].find(({ host }) => EVERY_INTERFACE.includes(host))
  if (unreachable !== undefined) throw invalid('advertised.listeners', 'no client can connect to an address that stands for all')
  const ports = settings.map(({ port }) => port).filter((port) => port !== 0)
  if (new Set(ports).size !== ports.length) throw invalid('listeners', 'each needs a port of its own')
  return settings
}

function protocolsOf(text: string): ReadonlyMap<string, SecurityProtocol> {
  const pairs = partsOf(text).map((part): [string, SecurityProtocol] => {
    const [name = '', protocol = ''] = part.split(':').map((each) => each.trim())
    if (name === '' || !PROTOCOLS.includes(protocol.toUpperCase())) {
      throw invalid('listener.security.protocol.map', `'${part}' is not NAME:PROTOCOL with one of ${PROTOCOLS.join(', ')}`)
    }
    return [name.toUpperCase(), protocol.toUpperCase() as SecurityProtocol]
  })
  return new Map(pairs)
}

function endpointsOf(config: string, text: string): ReadonlyMap<string, Endpoint> {
  const endpoints = new Map<string, Endpoint>()
  for (const part of partsOf(text)) {
    const [, name, ipv6, host, port] = ENDPOINT.exec(part) ?? []
    if (name === undefined || Number(port) > 65_535) throw invalid(config, `'${part}' is not NAME://host:port`)
    const known = name.toUpperCase()
    if (endpoints.has(known)) throw invalid(config, `${known} is there twice`)
    endpoints.set(known, { host: ipv6 ?? host ?? '', port: Number(port) })
  }
  return endpoints
}

function partsOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function invalid(name: string, problem: string): Error {
  return logError('SECURITY_CONFIG', { name, problem })
}
