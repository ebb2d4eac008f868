// Microsoft's SDKs for Go: azidentity, armresources, armstorage, azblob. The steps are told as steps.py tells them.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/storage/armstorage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

const group = "of-go"

var given struct {
	Host, CA, Tenant, Subscription, Secret string
	ClientID                               string `json:"client_id"`
	Names                                  []string
	Hosts                                  map[string][2]any
}

var (
	ctx        = context.Background()
	web        *http.Client
	common     azcore.ClientOptions
	credential azcore.TokenCredential
	key        string
	blobs      *azblob.Client
)

func step(words string, work func() error) {
	told := map[string]any{"step": words, "error": nil}
	if err := work(); err != nil {
		told["error"] = fmt.Sprintf("%.200s", err.Error())
	}
	line, _ := json.Marshal(told)
	fmt.Println(string(line))
}

func setUp() error {
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(given.CA)
	if err != nil {
		return err
	}
	roots.AppendCertsFromPEM(pem)
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	web = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			name, _, _ := net.SplitHostPort(address)
			if there, ok := given.Hosts[name]; ok {
				address = fmt.Sprintf("%v:%v", there[0], there[1])
			}
			return dialer.DialContext(ctx, network, address)
		},
	}}
	common = azcore.ClientOptions{Transport: web, Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: given.Host,
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: given.Host, Audience: "https://management.core.windows.net/"},
		},
	}}
	return nil
}

func main() {
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	options := &arm.ClientOptions{ClientOptions: common}
	account := given.Names[0]
	step("a client signs in with its secret", func() (err error) {
		credential, err = azidentity.NewClientSecretCredential(given.Tenant, given.ClientID, given.Secret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: common, DisableInstanceDiscovery: true})
		return err
	})
	step("a group is made and read", func() error {
		groups, err := armresources.NewResourceGroupsClient(given.Subscription, credential, options)
		if err != nil {
			return err
		}
		if _, err = groups.CreateOrUpdate(ctx, group, armresources.ResourceGroup{Location: to.Ptr("eastus2")}, nil); err != nil {
			return err
		}
		_, err = groups.Get(ctx, group, nil)
		return err
	})
	step("a Model Management account is made as a generic resource", func() error {
		resources, err := armresources.NewClient(given.Subscription, credential, options)
		if err != nil {
			return err
		}
		id := fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.MachineLearningModelManagement/accounts/go",
			given.Subscription, group)
		body := armresources.GenericResource{Location: to.Ptr("eastus2"),
			SKU: &armresources.SKU{Name: to.Ptr("S1"), Capacity: to.Ptr[int32](1)}}
		poller, err := resources.BeginCreateOrUpdateByID(ctx, id, "2017-09-01-preview", body, nil)
		if err != nil {
			return err
		}
		_, err = poller.PollUntilDone(ctx, nil)
		return err
	})
	step("a storage account is made, its keys are read", func() error {
		accounts, err := armstorage.NewAccountsClient(given.Subscription, credential, options)
		if err != nil {
			return err
		}
		body := armstorage.AccountCreateParameters{Location: to.Ptr("eastus2"), Kind: to.Ptr(armstorage.KindStorageV2),
			SKU: &armstorage.SKU{Name: to.Ptr(armstorage.SKUNameStandardLRS)}}
		poller, err := accounts.BeginCreate(ctx, group, account, body, nil)
		if err != nil {
			return err
		}
		if _, err = poller.PollUntilDone(ctx, nil); err != nil {
			return err
		}
		keys, err := accounts.ListKeys(ctx, group, account, nil)
		if err == nil {
			key = *keys.Keys[0].Value
		}
		return err
	})
	step("a container and a blob are made at `ACCOUNT.blob.core.windows.net`", func() error {
		shared, err := azblob.NewSharedKeyCredential(account, key)
		if err != nil {
			return err
		}
		blobs, err = azblob.NewClientWithSharedKeyCredential("https://"+account+".blob.core.windows.net/", shared,
			&azblob.ClientOptions{ClientOptions: common})
		if err != nil {
			return err
		}
		if _, err = blobs.CreateContainer(ctx, "models", nil); err != nil {
			return err
		}
		_, err = blobs.UploadBuffer(ctx, "models", "a blob", []byte("content"), nil)
		return err
	})
	step("a shared access signature reads the blob", func() error {
		one := blobs.ServiceClient().NewContainerClient("models").NewBlobClient("a blob")
		url, err := one.GetSASURL(sas.BlobPermissions{Read: true}, time.Now().Add(time.Hour), nil)
		if err != nil {
			return err
		}
		answer, err := web.Get(url)
		if err != nil {
			return errors.New("it was not fetched")
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
	step("a group is deleted with all that is in it", func() error {
		groups, err := armresources.NewResourceGroupsClient(given.Subscription, credential, options)
		if err != nil {
			return err
		}
		poller, err := groups.BeginDelete(ctx, group, nil)
		if err != nil {
			return err
		}
		if _, err = poller.PollUntilDone(ctx, nil); err != nil {
			return err
		}
		_, err = groups.Get(ctx, group, nil)
		var refused *azcore.ResponseError
		if errors.As(err, &refused) && refused.ErrorCode == "ResourceGroupNotFound" {
			return nil
		}
		return fmt.Errorf("it is there: %v", err)
	})
}
