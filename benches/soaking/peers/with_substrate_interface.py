"""Watches sessions with substrate-interface, a thread for each node. The dev chain has
no metadata, so its plain requests are used, not what it decodes."""

import sys
import threading

from substrateinterface import SubstrateInterface

SESSION = "0xcec5070d609dd3497f72bde07fc96ba072763800a36a99fdfc7c10f6415f6ee6"

quorum, urls = int(sys.argv[1]), sys.argv[2:]
shown = [0] * len(urls)
told = None
lock = threading.Lock()


def shows(place, value):
    global told
    session = int.from_bytes(bytes.fromhex(value[2:]), "little") if value else 0
    with lock:
        shown[place] = session
        following = session if told is None else told + 1
        if following > 0 and sum(one >= following for one in shown) >= quorum:
            told = following
            print(following, flush=True)


def watch(place, url):
    node = SubstrateInterface(url=url)

    def on_head(message, *_):
        number = int(message["params"]["result"]["number"], 16)
        found = node.rpc_request("chain_getBlockHash", [number])["result"]
        shows(place, node.rpc_request("state_getStorage", [SESSION, found])["result"])

    node.rpc_request("chain_subscribeFinalizedHeads", [], on_head)


for place, url in enumerate(urls):
    threading.Thread(target=watch, args=(place, url), daemon=True).start()
threading.Event().wait()
