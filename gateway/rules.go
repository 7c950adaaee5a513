// Which permission every door asks for. One table: a door without a row fails a test and answers nobody.

package gateway

import (
	"time"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// rule is what one RPC or route asks of its caller.
type rule struct {
	kind, act string
	open      bool          // anybody may call: nothing of anybody's is behind it
	signIn    bool          // open, and bounded by address
	search    bool          // bounded: looking for patients by guessing
	ends      bool          // a stream with an end of its own, which a stopping server waits for
	limit     time.Duration // default 30 s; streams have none
}

// own is what every caller may do with itself.
var own = rule{kind: "session", act: "own"}

// rpcRules says for every RPC what it asks for.
var rpcRules = map[string]rule{
	"/grpc.health.v1.Health/Check":                                   {open: true},
	"/grpc.health.v1.Health/List":                                    {open: true},
	"/grpc.health.v1.Health/Watch":                                   {open: true},
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {open: true},
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {open: true},

	pb.SessionService_SignIn_FullMethodName:         {open: true, signIn: true},
	pb.SessionService_SignOut_FullMethodName:        own,
	pb.SessionService_GetSession_FullMethodName:     own,
	pb.SessionService_ChangePassword_FullMethodName: own,

	pb.UploadService_Have_FullMethodName:        {kind: "imaging", act: "write"},
	pb.UploadService_Upload_FullMethodName:      {kind: "imaging", act: "write", ends: true},
	pb.UploadService_FinishStudy_FullMethodName: {kind: "imaging", act: "finish"},

	pb.ImagingService_SearchStudies_FullMethodName:       {kind: "imaging", act: "read", search: true},
	pb.ImagingService_GetStudy_FullMethodName:            {kind: "imaging", act: "read"},
	pb.ImagingService_ListSeries_FullMethodName:          {kind: "imaging", act: "read"},
	pb.ImagingService_ListInstances_FullMethodName:       {kind: "imaging", act: "read"},
	pb.ImagingService_GetInstanceMetadata_FullMethodName: {kind: "imaging", act: "read"},
	pb.ImagingService_FetchInstance_FullMethodName:       {kind: "imaging", act: "read", ends: true},
	pb.ImagingService_FetchStudy_FullMethodName:          {kind: "imaging", act: "read", ends: true},
	pb.ImagingService_ListImagingChanges_FullMethodName:  {kind: "imaging", act: "read", limit: changesLimit},
	pb.ImagingService_WatchImagingChanges_FullMethodName: {kind: "imaging", act: "read"},
	pb.ImagingService_CorrectStudy_FullMethodName:        {kind: "imaging", act: "correct", limit: correctLimit},
	pb.ImagingService_UndoCorrection_FullMethodName:      {kind: "imaging", act: "correct", limit: correctLimit},
	pb.ImagingService_ListCorrections_FullMethodName:     {kind: "imaging", act: "correct"},
	pb.ImagingService_ListStudyReaders_FullMethodName:    {kind: "imaging", act: "correct"},
	pb.ImagingService_ListQuarantine_FullMethodName:      {kind: "imaging", act: "resolve"},
	pb.ImagingService_ResolveQuarantine_FullMethodName:   {kind: "imaging", act: "resolve"},

	pb.EcgService_UploadTracing_FullMethodName:            {kind: "ecg", act: "write", ends: true},
	pb.EcgService_SearchTracings_FullMethodName:           {kind: "ecg", act: "read", search: true},
	pb.EcgService_GetTracing_FullMethodName:               {kind: "ecg", act: "read"},
	pb.EcgService_FetchTracing_FullMethodName:             {kind: "ecg", act: "read", ends: true},
	pb.EcgService_GetSamples_FullMethodName:               {kind: "ecg", act: "read"},
	pb.EcgService_RenderTracing_FullMethodName:            {kind: "ecg", act: "read"},
	pb.EcgService_ExportTracing_FullMethodName:            {kind: "ecg", act: "read"},
	pb.EcgService_CompareTracings_FullMethodName:          {kind: "ecg", act: "read"},
	pb.EcgService_DraftConclusions_FullMethodName:         {kind: "ecg", act: "read"},
	pb.EcgService_GetAmbulatorySummary_FullMethodName:     {kind: "ecg", act: "read"},
	pb.EcgService_SetPathway_FullMethodName:               {kind: "ecg", act: "write"},
	pb.EcgService_AssignTracing_FullMethodName:            {kind: "ecg", act: "correct"},
	pb.EcgService_ListTracingReaders_FullMethodName:       {kind: "ecg", act: "correct"},
	pb.EcgService_ListConclusions_FullMethodName:          {kind: "ecg", act: "read"},
	pb.EcgService_GetCriticalRules_FullMethodName:         {kind: "ecg", act: "rules"},
	pb.EcgService_UpdateCriticalRules_FullMethodName:      {kind: "ecg", act: "rules", limit: trialLimit},
	pb.EcgService_ListTracingQuarantine_FullMethodName:    {kind: "ecg", act: "resolve"},
	pb.EcgService_ResolveTracingQuarantine_FullMethodName: {kind: "ecg", act: "resolve"},

	pb.WorklistService_CreateOrder_FullMethodName:    {kind: "worklist", act: "write"},
	pb.WorklistService_GetOrder_FullMethodName:       {kind: "worklist", act: "read"},
	pb.WorklistService_ListOrders_FullMethodName:     {kind: "worklist", act: "read", search: true},
	pb.WorklistService_UpdateOrder_FullMethodName:    {kind: "worklist", act: "write"},
	pb.WorklistService_CancelOrder_FullMethodName:    {kind: "worklist", act: "write"},
	pb.WorklistService_RescheduleStep_FullMethodName: {kind: "worklist", act: "write"},

	pb.ExchangeService_EchoDevice_FullMethodName:      {kind: "people", act: "read"},
	pb.ExchangeService_QueryDevice_FullMethodName:     {kind: "imaging", act: "forward", search: true, limit: 75 * time.Second},
	pb.ExchangeService_FetchFromDevice_FullMethodName: {kind: "imaging", act: "forward", search: true},
	pb.ExchangeService_ForwardStudy_FullMethodName:    {kind: "imaging", act: "forward"},
	pb.ExchangeService_ListTransfers_FullMethodName:   {kind: "imaging", act: "forward"},
	pb.ExchangeService_GetTransfer_FullMethodName:     {kind: "imaging", act: "forward"},
	pb.ExchangeService_CancelTransfer_FullMethodName:  {kind: "imaging", act: "forward"},
	pb.ExchangeService_RetryTransfer_FullMethodName:   {kind: "imaging", act: "forward"},
	pb.ExchangeService_ListRoutes_FullMethodName:      {kind: "imaging", act: "forward"},
	pb.ExchangeService_CreateRoute_FullMethodName:     {kind: "imaging", act: "forward"},
	pb.ExchangeService_DeleteRoute_FullMethodName:     {kind: "imaging", act: "forward"},

	pb.PatientService_RegisterPatient_FullMethodName:   {kind: "patient", act: "register", search: true},
	pb.PatientService_GetPatient_FullMethodName:        {kind: "patient", act: "read"},
	pb.PatientService_OpenEncounter_FullMethodName:     {kind: "patient", act: "encounter"},
	pb.PatientService_CloseEncounter_FullMethodName:    {kind: "patient", act: "encounter"},
	pb.PatientService_ListPatientLinks_FullMethodName:  {kind: "patient", act: "link"},
	pb.PatientService_DecidePatientLink_FullMethodName: {kind: "patient", act: "link"},
	pb.PatientService_SetConsent_FullMethodName:        {kind: "patient", act: "consent"},

	pb.ReadingService_ListCases_FullMethodName:                {kind: "case", act: "list"},
	pb.ReadingService_GetCase_FullMethodName:                  {kind: "case", act: "list"},
	pb.ReadingService_WatchCases_FullMethodName:               {kind: "case", act: "list"},
	pb.ReadingService_ClaimCase_FullMethodName:                {kind: "case", act: "claim"},
	pb.ReadingService_ReleaseCase_FullMethodName:              {kind: "case", act: "claim"},
	pb.ReadingService_SetPriority_FullMethodName:              {kind: "case", act: "priority"},
	pb.ReadingService_SaveDraft_FullMethodName:                {kind: "case", act: "draft"},
	pb.ReadingService_ListDrafts_FullMethodName:               {kind: "case", act: "draft"},
	pb.ReadingService_SubmitReport_FullMethodName:             {kind: "case", act: "submit"},
	pb.ReadingService_ReturnReport_FullMethodName:             {kind: "case", act: "review"},
	pb.ReadingService_SignReport_FullMethodName:               {kind: "case", act: "sign"},
	pb.ReadingService_AmendReport_FullMethodName:              {kind: "case", act: "amend"},
	pb.ReadingService_WithdrawReport_FullMethodName:           {kind: "case", act: "withdraw"},
	pb.ReadingService_GetReport_FullMethodName:                {kind: "report", act: "read"},
	pb.ReadingService_ListReports_FullMethodName:              {kind: "report", act: "read"},
	pb.ReadingService_RaiseCriticalValue_FullMethodName:       {kind: "critical", act: "raise"},
	pb.ReadingService_AcknowledgeCriticalValue_FullMethodName: {kind: "critical", act: "acknowledge"},
	pb.ReadingService_DismissCriticalValue_FullMethodName:     {kind: "critical", act: "raise"},
	pb.ReadingService_NoteCriticalCall_FullMethodName:         {kind: "critical", act: "raise"},
	pb.ReadingService_ListCriticalValues_FullMethodName:       {kind: "critical", act: "read"},
	pb.ReadingService_WatchResults_FullMethodName:             {kind: "result", act: "watch"},
	pb.ReadingService_ListResultChanges_FullMethodName:        {kind: "result", act: "watch"},

	pb.RecognitionService_CheckOrder_FullMethodName:    {kind: "recognition", act: "check"},
	pb.RecognitionService_ListShared_FullMethodName:    {kind: "recognition", act: "check"},
	pb.RecognitionService_AdoptResult_FullMethodName:   {kind: "recognition", act: "decide"},
	pb.RecognitionService_RepeatExam_FullMethodName:    {kind: "recognition", act: "decide"},
	pb.RecognitionService_ListReasons_FullMethodName:   own,
	pb.RecognitionService_ListItems_FullMethodName:     own,
	pb.RecognitionService_ListDecisions_FullMethodName: {kind: "recognition", act: "read"},
	pb.RecognitionService_ListMarks_FullMethodName:     {kind: "directory", act: "manage"},
	pb.RecognitionService_GrantMark_FullMethodName:     {kind: "directory", act: "manage"},
	pb.RecognitionService_EndMark_FullMethodName:       {kind: "directory", act: "manage"},

	pb.DirectoryService_ListInstitutions_FullMethodName:  {kind: "directory", act: "read"},
	pb.DirectoryService_GetInstitution_FullMethodName:    {kind: "directory", act: "read"},
	pb.DirectoryService_ListCentres_FullMethodName:       {kind: "directory", act: "read"},
	pb.DirectoryService_CreateInstitution_FullMethodName: {kind: "directory", act: "manage"},
	pb.DirectoryService_UpdateInstitution_FullMethodName: {kind: "directory", act: "manage"},
	pb.DirectoryService_CreateRelation_FullMethodName:    {kind: "directory", act: "manage"},
	pb.DirectoryService_EndRelation_FullMethodName:       {kind: "directory", act: "manage"},
	pb.DirectoryService_CreateCentre_FullMethodName:      {kind: "directory", act: "manage"},

	pb.DirectoryService_ListUsers_FullMethodName:         {kind: "people", act: "read"},
	pb.DirectoryService_CreateUser_FullMethodName:        {kind: "people", act: "manage"},
	pb.DirectoryService_UpdateUser_FullMethodName:        {kind: "people", act: "manage"},
	pb.DirectoryService_GrantRole_FullMethodName:         {kind: "people", act: "manage"},
	pb.DirectoryService_RevokeRole_FullMethodName:        {kind: "people", act: "manage"},
	pb.DirectoryService_ListApiKeys_FullMethodName:       {kind: "people", act: "read"},
	pb.DirectoryService_CreateApiKey_FullMethodName:      {kind: "people", act: "manage"},
	pb.DirectoryService_RevokeApiKey_FullMethodName:      {kind: "people", act: "manage"},
	pb.DirectoryService_ListDevices_FullMethodName:       {kind: "people", act: "read"},
	pb.DirectoryService_CreateDevice_FullMethodName:      {kind: "people", act: "manage"},
	pb.DirectoryService_UpdateDevice_FullMethodName:      {kind: "people", act: "manage"},
	pb.DirectoryService_CreateCertificate_FullMethodName: {kind: "people", act: "manage"},
	pb.DirectoryService_ListCertificates_FullMethodName:  {kind: "people", act: "read"},
	pb.DirectoryService_RevokeCertificate_FullMethodName: {kind: "people", act: "manage"},
	pb.DirectoryService_GetPolicy_FullMethodName:         {kind: "policy", act: "read"},
	pb.DirectoryService_UpdatePolicy_FullMethodName:      {kind: "policy", act: "manage"},
	pb.DirectoryService_ExplainAccess_FullMethodName:     {kind: "policy", act: "read"},

	pb.AuditService_ListEvents_FullMethodName:   {kind: "audit", act: "read"},
	pb.AuditService_VerifyEvents_FullMethodName: {kind: "audit", act: "verify", limit: 10 * time.Minute},
}
