import { apiByName, type ApiName, type ApiResponse } from '../../protocol/index.ts'

/** What a broker said it serves. */
export class BrokerVersions {
  readonly #ranges: ReadonlyMap<number, { readonly minVersion: number; readonly maxVersion: number }>
  readonly #features: ReadonlyMap<string, number>

  constructor(response: Pick<ApiResponse<'ApiVersions'>, 'apiKeys' | 'finalizedFeatures' | 'finalizedFeaturesEpoch'>) {
    this.#ranges = new Map(response.apiKeys.map((range) => [range.apiKey, range]))
    const features = response.finalizedFeaturesEpoch < 0 ? [] : response.finalizedFeatures
    this.#features = new Map(features.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]))
  }

  /** The newest version both sides have, not above `maxVersion`; undefined where there is none. */
  common(name: ApiName, maxVersion: number = Number.POSITIVE_INFINITY): number | undefined {
    const ours = apiByName(name)
    const theirs = this.#ranges.get(ours.key)
    if (theirs === undefined) return undefined
    const version = Math.min(ours.maxVersion, theirs.maxVersion, maxVersion)
    return version >= Math.max(ours.minVersion, theirs.minVersion) ? version : undefined
  }

  /** The level of a feature that the cluster has switched on; 0 for off and unknown. */
  feature(name: string): number {
    return this.#features.get(name) ?? 0
  }

  /** What is there instead, for an error. */
  describe(name: ApiName): string {
    const ours = apiByName(name)
    const theirs = this.#ranges.get(ours.key)
    const have = theirs === undefined ? 'it does not serve it' : `it has ${theirs.minVersion} to ${theirs.maxVersion}`
    return `${have}, this client ${ours.minVersion} to ${ours.maxVersion}`
  }
}
