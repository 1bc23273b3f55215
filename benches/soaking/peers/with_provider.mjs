// Watches sessions with the bare WsProvider of @polkadot/api, without its types.
import { WsProvider } from '@polkadot/api';
import { SESSION, nodes, shows } from './counting.mjs';

for (const { url, place } of nodes) {
  const provider = new WsProvider(url);
  await provider.isReady;
  await provider.subscribe('chain_finalizedHead', 'chain_subscribeFinalizedHeads', [], async (error, header) => {
    if (error) throw error;
    const hash = await provider.send('chain_getBlockHash', [Number(header.number)]);
    shows(place, await provider.send('state_getStorage', [SESSION, hash]));
  });
}
