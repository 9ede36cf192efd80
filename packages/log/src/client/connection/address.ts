import { clientError } from '../errors.ts'

/** Where a broker is reached; `host` is a name or an address, without brackets. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port`, with an address of IPv6 in brackets: what `parseAddresses` reads. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** 'a:9092,[::1]:9093', or a list of such. @throws `CLIENT_OPTION` */
export function parseAddresses(given: string | readonly string[]): readonly Address[] {
  const texts = (typeof given === 'string' ? [given] : given).flatMap((text) => text.split(',')).map((text) => text.trim())
  const addresses = texts.filter((text) => text !== '').map(parseAddress)
  if (addresses.length === 0)
    throw clientError('CLIENT_OPTION', { option: 'bootstrap', expected: 'name at least one broker', value: String(given) })
  return addresses
}

function parseAddress(text: string): Address {
  const match = /^(?:[A-Za-z_0-9]+:\/\/)?(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port === 0 || port > 65_535) {
    throw clientError('CLIENT_OPTION', { option: 'bootstrap', expected: "be brokers as 'host:port'", value: text })
  }
  return { host: match[1] ?? match[2]!, port }
}
