/**
 * Every API: its versions, its types, and the codec of its request and response at each version, generated when first asked for.
 */
import { ProtocolError } from '../errors.ts'
import * as declarations from './apis/index.ts'
import { messageCodec, type MessageCodec } from './codec.ts'
import { versionBounds, type ApiDeclaration, type Decoded, type ToEncode } from './declaration.ts'

type Apis = typeof declarations

/** The name of an API, as in Kafka: 'Produce', 'Fetch', … */
export type ApiName = keyof Apis

/** A request as it is decoded. Byte arrays are views of the frame. */
export type ApiRequest<N extends ApiName> = Decoded<Apis[N]['request']>
/** A response as it is decoded. Byte arrays are views of the frame. */
export type ApiResponse<N extends ApiName> = Decoded<Apis[N]['response']>
/** A request to send: fields that have a default, or that not every version has, may be left out. */
export type ApiRequestToSend<N extends ApiName> = ToEncode<Apis[N]['request']>
/** A response to send: fields that have a default, or that not every version has, may be left out. */
export type ApiResponseToSend<N extends ApiName> = ToEncode<Apis[N]['response']>

/** What is known of an API without its messages. */
export interface Api {
  readonly key: number
  readonly name: ApiName
  /** The versions that the codec reads and writes, inclusive. */
  readonly minVersion: number
  readonly maxVersion: number
}

const table: { readonly [N in ApiName]: ApiDeclaration } = declarations
const apisByName = new Map<string, Api>()
const apisByKey = new Map<number, Api>()
/** From which to which version an API uses compact types and tagged fields. */
const flexibleVersions = new Map<string, readonly [from: number, to: number]>()
for (const declaration of Object.values(table).toSorted((a, b) => a.key - b.key)) {
  const [minVersion, maxVersion] = versionBounds(declaration.versions)
  const api: Api = { key: declaration.key, name: declaration.name as ApiName, minVersion, maxVersion }
  apisByName.set(api.name, api)
  apisByKey.set(api.key, api)
  if (declaration.flexible !== null) flexibleVersions.set(api.name, versionBounds(declaration.flexible))
}

/** Every API, in the order of the keys. */
export const APIS: readonly Api[] = [...apisByKey.values()]

/** Undefined for a key that is not spoken here. */
export function apiByKey(key: number): Api | undefined {
  return apisByKey.get(key)
}

/** With its key and its versions. */
export function apiByName(name: ApiName): Api {
  return apisByName.get(name)!
}

/** Whether requests and responses of the version use compact types and tagged fields; also of versions that are not known yet. */
export function isFlexible(name: ApiName, version: number): boolean {
  const bounds = flexibleVersions.get(name)
  return bounds !== undefined && version >= bounds[0] && version <= bounds[1]
}

type Direction = 'request' | 'response'

/** By name, then by version. */
const codecs = {
  request: new Map<ApiName, (MessageCodec<unknown, unknown> | undefined)[]>(),
  response: new Map<ApiName, (MessageCodec<unknown, unknown> | undefined)[]>(),
} as const

/** The codec of an API's requests at a version. @throws ProtocolError `PROTOCOL_UNSUPPORTED_VERSION` */
export function requestCodec<N extends ApiName>(name: N, version: number): MessageCodec<ApiRequest<N>, ApiRequestToSend<N>> {
  return codec(name, 'request', version) as MessageCodec<ApiRequest<N>, ApiRequestToSend<N>>
}

/** The codec of an API's responses at a version. @throws ProtocolError `PROTOCOL_UNSUPPORTED_VERSION` */
export function responseCodec<N extends ApiName>(name: N, version: number): MessageCodec<ApiResponse<N>, ApiResponseToSend<N>> {
  return codec(name, 'response', version) as MessageCodec<ApiResponse<N>, ApiResponseToSend<N>>
}

function codec(name: ApiName, direction: Direction, version: number): MessageCodec<unknown, unknown> {
  const known = codecs[direction].get(name)?.[version]
  if (known !== undefined) return known
  const { minVersion, maxVersion } = apiByName(name)
  if (!Number.isInteger(version) || version < minVersion || version > maxVersion) {
    throw new ProtocolError('PROTOCOL_UNSUPPORTED_VERSION', { message: `${name} ${direction}`, version, from: minVersion, to: maxVersion })
  }
  const made = messageCodec<unknown, unknown>(table[name][direction], version, isFlexible(name, version))
  const versions = codecs[direction].get(name) ?? []
  versions[version] = made
  codecs[direction].set(name, versions)
  return made
}
