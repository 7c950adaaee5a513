package analyser
import ("testing";"os";"path/filepath";"fmt";"github.com/lianzhen/lianzhen/codec/astm";"bytes")
func TestZZ(t *testing.T){
 all,err:=Builtin(); if err!=nil{t.Fatal(err)}
 files,_:=filepath.Glob("/work/shared/data/lab/astm/*/*")
 for _,f:=range files{
  b,_:=os.ReadFile(f)
  if bytes.IndexByte(b,2)>=0 {
    var w []astm.Warning
    b,w,err=astm.Unframe(b,astm.Options{}); if err!=nil||len(w)>0{fmt.Println(f,err,w)}
  }
  fmt.Println("==",f)
  var out []byte
  for _,l:=range bytes.Split(b,[]byte("\n")){ if !bytes.HasPrefix(l,[]byte("#")){out=append(append(out,l...),'\n')}}
  p:=all["generic"]
  ms,err:=astm.Parse(out,"")
  if err!=nil{fmt.Println("ERR",err);continue}
  for _,m:=range ms{ 
    if x:=ForSender(all,m.Header().Field(5).String());len(x)>0{p=x[0]}
    r,q,w,err:=Decode(m,p)
    fmt.Println(p.ID,len(r),len(q),w,err)
    for _,x:=range r{ fmt.Printf("  R %q ctl=%v lot=%q lvl=%q status=%s svc=%v notes=%q warn=%v fil=%q\n",x.Specimen.ID,x.Control,x.Lot,x.Level,x.Status,x.Service,x.Notes,x.Warnings,x.Filler)
      for i,y:=range x.Results{ if i>5 && i < len(x.Results)-3{continue}; fmt.Printf("    %d %v sub=%q %s %.60q u=%q r=%q f=%q st=%s at=%v dev=%q n=%q w=%v\n",y.Number,y.Code,y.SubID,y.Value.Kind,y.Value.String(),y.Unit.Text,y.Range,y.Flags,y.Status,y.AnalysedAt,y.Device,y.Notes,y.Warnings)}
    }
    for _,x:=range q{fmt.Printf("  Q %+v\n",x.Barcode)}
  }
 }
}
