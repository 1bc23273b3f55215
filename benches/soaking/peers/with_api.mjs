// Watches sessions with @polkadot/api. The dev chain has no metadata of its own; the
// API is given that of Substrate's own node, as its packages have it.
import { ApiPromise, WsProvider } from '@polkadot/api';
import metadata from '@polkadot/types-support/metadata/static-substrate';
import { SESSION, nodes, shows } from './counting.mjs';

const ask = async (provider, method, ...params) => {
  await provider.isReady;
  return provider.send(method, params);
};

// The dev chain does not announce its runtime's version, and the API waits for it.
class Provider extends WsProvider {
  async subscribe(type, method, params, callback) {
    if (method !== 'state_subscribeRuntimeVersion') return super.subscribe(type, method, params, callback);
    const version = await this.send('state_getRuntimeVersion', []);
    setImmediate(() => callback(null, version));
    return 'runtime';
  }
}

await Promise.all(nodes.map(async ({ url, place }) => {
  const provider = new Provider(url);
  const genesis = await ask(provider, 'chain_getBlockHash', 0);
  const { specVersion } = await ask(provider, 'state_getRuntimeVersion');
  const api = await ApiPromise.create({
    provider, metadata: { [`${genesis}-${specVersion}`]: metadata }, noInitWarn: true,
  });
  await api.rpc.chain.subscribeFinalizedHeads(async (header) => {
    const value = await api.rpc.state.getStorage(SESSION, header.hash);
    shows(place, value.isSome ? value.unwrap().toHex() : null);
  });
}));
