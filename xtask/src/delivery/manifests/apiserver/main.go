// An API server with its store in one process.
package main

import (
	"log"
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	store := embed.NewConfig()
	store.Dir = "etcd"
	store.LogOutputs = []string{"etcd.log"}
	client, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	store.ListenClientUrls, store.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	peer := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	store.ListenPeerUrls = []url.URL{peer}
	etcd, err := embed.StartEtcd(store)
	if err != nil {
		log.Fatal(err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(time.Minute):
		log.Fatal("the store is not ready")
	}
	os.Args = append(os.Args[:1], append(os.Args[2:], "--etcd-servers="+os.Args[1])...)
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
